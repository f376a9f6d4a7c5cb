// Reads the statistics that other processes export.

import { readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { type StatsSnapshot, statsFolder } from 'spdk-nvme';

/** A process responds in microseconds, unless its JavaScript is busy or stopped. */
const limitMs = 2_000;
/** More than thousands of controllers take. */
const maxLength = 2 ** 24;

/**
 * The folders where processes of this user put their sockets. Those that were started by a login and by something else, such as cron, sudo or a
 * unit of systemd, differ in XDG_RUNTIME_DIR; one that a login does not set is meant for some processes alone. One of another user is not used.
 */
export function statsFolders(
  uid = process.getuid?.() ?? 0,
  own = statsFolder(),
  runtime = process.env.XDG_RUNTIME_DIR,
): string[] {
  const ofLogin = `/run/user/${uid}`;
  const isUsed = runtime && own === path.join(runtime, 'spdk-nvme');
  if (isUsed && path.resolve(runtime) !== ofLogin) return [own];
  return [...new Set([own, `${ofLogin}/spdk-nvme`, `/tmp/spdk-nvme-${uid}`])];
}

/** The sockets of all processes of this user that export their statistics to a usual place. */
export function findSockets(): string[] {
  return statsFolders().flatMap(socketsIn);
}

function socketsIn(folder: string): string[] {
  try {
    // In a folder that all users may write to, another user may have made it.
    if (statSync(folder).uid !== process.getuid?.()) return [];
    return readdirSync(folder)
      .filter((name) => name.endsWith('.sock'))
      .map((name) => path.join(folder, name));
  } catch {
    return [];
  }
}

/** Asks a process for its statistics; undefined where none responds, or something else does. */
export async function readSnapshot(file: string): Promise<StatsSnapshot | undefined> {
  const socket = connect(file);
  const timer = setTimeout(() => socket.destroy(new Error('no response')), limitMs);
  try {
    let text = '';
    for await (const part of socket.setEncoding('utf8')) {
      text += part;
      if (text.length > maxLength) return undefined;
    }
    const response: unknown = JSON.parse(text);
    return isSnapshot(response) ? response : undefined;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** Any program may listen at a path that was named. */
function isSnapshot(value: unknown): value is StatsSnapshot {
  const { schema, pid, monotonicMs, memory, controllers, subsystems = [] } = (value ?? {}) as StatsSnapshot;
  return (
    schema === 1 &&
    areNumbers(pid, monotonicMs, memory?.usedBytes, memory?.totalBytes) &&
    isListOf(controllers, isController) &&
    isListOf(subsystems, ({ paths }) =>
      isListOf(paths, ({ ana, transportId }) => isListOf(ana) && !!transportId),
    )
  );
}

function isController(one: StatsSnapshot['controllers'][number]): boolean {
  const { id, transportId, state, ioQueues, pending, completed, failed, bytesRead, bytesWritten } = one;
  return (
    areNumbers(id, ioQueues, pending, completed, failed, bytesRead, bytesWritten) &&
    typeof state === 'string' &&
    typeof transportId?.traddr === 'string' &&
    isListOf(one.latency?.buckets, ({ endUs, count }) => areNumbers(endUs, count))
  );
}

function areNumbers(...values: unknown[]): boolean {
  return values.every((value) => typeof value === 'number');
}

function isListOf<Item>(value: readonly Item[], isOne: (item: Item) => boolean = () => true): boolean {
  return (
    Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null && isOne(item))
  );
}
