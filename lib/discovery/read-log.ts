// Reads discovery logs, those of referred services too.

import { SpdkError } from '../errors/spdk-error.js';
import { withJson } from '../internal/shown.js';
import type { DiscoverOptions } from '../options/discover.js';
import { formatTransportId, type TransportId } from '../options/transport-id.js';
import {
  type DiscoveryFailure,
  type DiscoveryLog,
  entriesOf,
  entryCount,
  generationOf,
  logUnitBytes,
} from './log.js';

const discoveryPage = 0x70;
/** The maximum of attempts to read a log that changes meanwhile. */
const maxAttempts = 10;

/** The part of a connection's admin commands that discovery needs. */
export interface LogPages {
  logPage(
    page: number,
    length: number,
    nsid: number,
    limits: { timeoutMs: number; signal: DiscoverOptions['signal'] },
  ): Promise<Buffer>;
}

/** A connection to a discovery service, as long as `work` runs; `timeoutMs` is the rest of the caller's time. */
export type WithService = <Result>(
  service: TransportId,
  work: (admin: LogPages, left: () => number) => Promise<Result>,
) => Promise<Result>;

/**
 * Reads the log of a service and of those that it refers to, each address once, to a depth.
 * @param isClosed whether the environment is closed: then no service can be asked any more
 */
export async function discover(
  service: TransportId,
  depth: number,
  signal: DiscoverOptions['signal'],
  withService: WithService,
  isClosed: () => boolean,
): Promise<DiscoveryLog> {
  const asked = new Set<string>();
  const ask = async (id: TransportId, deeper: number): Promise<DiscoveryLog> => {
    asked.add(formatTransportId(id));
    const log = await withService(id, (admin, left) => readLog(admin, left, signal));
    const referrals: DiscoveryLog[] = [];
    const failures: DiscoveryFailure[] = [];
    if (deeper > 0) {
      for (const { subtype, transportId } of entriesOf(log)) {
        if (subtype !== 'referral' || !transportId || asked.has(formatTransportId(transportId))) continue;
        try {
          referrals.push(await ask(transportId, deeper - 1));
        } catch (error) {
          if (signal?.aborted || isClosed()) throw error;
          failures.push({ transportId, error: error as Error });
        }
      }
    }
    return logOf(id, log, referrals, failures);
  };
  return ask(service, depth);
}

/** A log for programs. */
export function logOf(
  transportId: TransportId,
  log: Buffer,
  referrals: readonly DiscoveryLog[] = [],
  failures: readonly DiscoveryFailure[] = [],
): DiscoveryLog {
  const read = {
    transportId,
    generation: generationOf(log),
    entries: entriesOf(log),
    referrals,
    failures,
  };
  return Object.freeze(withJson(read));
}

/** The whole log at one moment: it is read again if it changed meanwhile. */
export async function readLog(
  admin: LogPages,
  left: () => number,
  signal: DiscoverOptions['signal'],
): Promise<Buffer> {
  const read = (length: number) => admin.logPage(discoveryPage, length, 0, { timeoutMs: left(), signal });
  let log = await read(logUnitBytes);
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const wanted = (entryCount(log) + 1) * logUnitBytes;
    if (log.length === wanted) return log;
    const header = log;
    log = await read(wanted);
    if (generationOf(log) === generationOf(header) && entryCount(log) === entryCount(header)) return log;
  }
  throw new SpdkError(
    'ERR_SPDK_LOG_PAGE_CHANGED',
    `The discovery log changed during each of ${maxAttempts} attempts to read it`,
  );
}
