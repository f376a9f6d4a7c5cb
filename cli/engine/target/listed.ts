// The controllers behind a discovery log, one after the other.

import type {
  AttachAllOptions,
  AttachAllReport,
  Controller,
  DiscoveryEntry,
  DiscoveryFailure,
  DiscoveryLog,
  Environment,
  SkipReason,
  TransportId,
} from 'spdk-nvme';
import {
  attachOptionsOf,
  discoverOptionsOf,
  type TargetOptions,
  withPortHint,
} from '../options/target-options.js';
import { explain } from '../process/exit.js';
import type { StopSignal } from '../process/stop.js';
import { harmless } from '../terminal/output.js';
import { detachNow } from './session.js';

/** How many controllers of a log are attached at the same time: each takes some of the memory that was reserved. */
const together = 16;
/** Entries that are no way to a controller that is missing otherwise. */
const noPath: ReadonlySet<SkipReason> = new Set<SkipReason>(['not-nvm', 'filter', 'duplicate']);

type Failed = { readonly entry: DiscoveryEntry; readonly error: Error };

/** What was found behind a log, each in the order of the log. */
export interface Listed<Found> {
  /** Entries whose controller was attached; `found` is missing where looking at it failed. */
  readonly attached: readonly { readonly entry: DiscoveryEntry; readonly found: Found | undefined }[];
  /** Entries whose controller could not be attached. */
  readonly failed: readonly Failed[];
  /** What failed with a controller that was attached. */
  readonly faults: readonly Failed[];
  /** Entries that cannot be tried, and why. */
  readonly untried: readonly { readonly entry: DiscoveryEntry; readonly reason: SkipReason }[];
  /** Services that the log refers to and that could not be read. */
  readonly referrals: readonly DiscoveryFailure[];
}

/** What to do with the controllers of a log. */
export interface Listing<Found> {
  readonly wanted: (entry: DiscoveryEntry) => boolean;
  /** Whether one path to a subsystem is enough. The next one is tried if it fails. */
  readonly onePath: boolean;
  readonly look: (controller: Controller, entry: DiscoveryEntry) => Promise<Found> | Found;
}

/** The target, and how deep its referrals are followed. */
export type LogOptions = TargetOptions & { readonly referrals: number };

/** Reads the log of a service, and those that it refers to. */
export function readLog(
  environment: Environment,
  service: TransportId,
  given: LogOptions,
  signal: AbortSignal,
): Promise<DiscoveryLog> {
  const options = { ...discoverOptionsOf(given), referralDepth: given.referrals, signal };
  return withPortHint(given, environment.discover(service, options));
}

/** Reads the log of a service, attaches the controllers in it, looks at each, and detaches it. */
export async function lookAtListed<Found>(
  environment: Environment,
  service: TransportId,
  given: LogOptions,
  stop: StopSignal,
  { wanted, onePath, look }: Listing<Found>,
): Promise<Listed<Found>> {
  const { signal } = stop;
  const log = await readLog(environment, service, given, signal);
  const attached: { entry: DiscoveryEntry; found: Found | undefined }[] = [];
  const failed: Failed[] = [];
  const faults: Failed[] = [];
  const visit = async ({ entry, controller }: AttachAllReport['attached'][number]) => {
    const one: (typeof attached)[number] = { entry, found: undefined };
    attached.push(one);
    const note = (error: unknown) => void faults.push({ entry, error: error as Error });
    try {
      one.found = await look(controller, entry);
    } catch (error) {
      note(error);
    }
    await detachNow(controller, stop, given.timeout).catch(note);
  };
  const tried = new Set<DiscoveryEntry>();
  for (;;) {
    const chosen = new Set<DiscoveryEntry>();
    const reached = new Set(attached.map(({ entry }) => entry.subsystemNqn));
    const filter = (entry: DiscoveryEntry) => {
      if (chosen.size === together || tried.has(entry) || !wanted(entry)) return false;
      if (onePath && reached.has(entry.subsystemNqn)) return false;
      reached.add(entry.subsystemNqn);
      chosen.add(entry);
      return true;
    };
    const options: AttachAllOptions = { ...attachOptionsOf(given), signal, filter };
    const report = await environment.attachAll(log, options);
    failed.push(...report.failed);
    await Promise.all(report.attached.map(visit));
    signal.throwIfAborted();
    for (const entry of chosen) tried.add(entry);
    if (chosen.size > 0) continue;
    const untried = report.skipped.filter(({ entry, reason }) => wanted(entry) && !noPath.has(reason));
    const logs = flatten(log);
    const entries = logs.flatMap((one) => one.entries);
    const inOrder = (one: Pick<Failed, 'entry'>, other: Pick<Failed, 'entry'>) =>
      entries.indexOf(one.entry) - entries.indexOf(other.entry);
    return {
      attached: attached.sort(inOrder),
      failed: failed.sort(inOrder),
      faults: faults.sort(inOrder),
      untried,
      referrals: logs.flatMap(({ failures }) => failures),
    };
  }
}

/** A log, and those that it refers to. */
export function flatten(log: DiscoveryLog): DiscoveryLog[] {
  return [log, ...log.referrals.flatMap(flatten)];
}

/** The address of an entry, as nvme-cli prints it. */
export function addressOf({ address, service }: DiscoveryEntry): string {
  return `traddr=${address},trsvcid=${service}`;
}

/** Says what is wrong with an entry of a log; its text comes from the target. */
export function reportEntry(entry: DiscoveryEntry, why: string): void {
  process.stderr.write(harmless(`spdk-nvme: ${entry.subsystemNqn} at ${addressOf(entry)}: ${why}\n`));
}

/** Says what failed. @returns how much that is */
export function reportFailures({ failed, faults, referrals }: Listed<unknown>): number {
  for (const { entry, error } of [...failed, ...faults]) reportEntry(entry, explain(error));
  for (const failure of referrals) reportReferral(failure);
  return failed.length + faults.length + referrals.length;
}

export function reportReferral({ transportId, error }: DiscoveryFailure): void {
  process.stderr.write(`spdk-nvme: referral ${transportId.traddr}: ${explain(error)}\n`);
}
