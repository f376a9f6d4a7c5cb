// The differences between two readings of a discovery log.

import { isDeepStrictEqual } from 'node:util';
import type { DiscoveryEntry, DiscoveryLog } from './log.js';

/** A discovery log that differs from the previous one. */
export interface DiscoveryChange {
  readonly log: DiscoveryLog;
  /** Entries that the previous log did not have; for the first log all. */
  readonly added: readonly DiscoveryEntry[];
  /** Entries of the previous log that are gone. */
  readonly removed: readonly DiscoveryEntry[];
  /** Entries of both logs with another port id, controller id, security or flags; with the new values. */
  readonly changed: readonly DiscoveryEntry[];
}

/**
 * Compares two logs. Entries are the same if transport, address, service, NQN and subtype are equal.
 * @param before the previous log; undefined for none, then all entries are added
 * @returns undefined if the entries are the same, whatever the generation and the order
 */
export function changeOf(before: DiscoveryLog | undefined, log: DiscoveryLog): DiscoveryChange | undefined {
  const old = byKey(before?.entries ?? []);
  const now = byKey(log.entries);
  const added = log.entries.filter((entry) => !old.has(keyOf(entry)));
  const removed = (before?.entries ?? []).filter((entry) => !now.has(keyOf(entry)));
  const changed = [...now].flatMap(([key, entry]) => {
    const was = old.get(key);
    return was && !isDeepStrictEqual(was, entry) ? [entry] : [];
  });
  const same = added.length + removed.length + changed.length === 0;
  return before && same ? undefined : Object.freeze({ log, added, removed, changed });
}

function byKey(entries: readonly DiscoveryEntry[]): Map<string, DiscoveryEntry> {
  return new Map(entries.map((entry) => [keyOf(entry), entry]));
}

function keyOf({ transport, address, service, subsystemNqn, subtype }: DiscoveryEntry): string {
  return JSON.stringify([transport, address, service, subsystemNqn, subtype]);
}
