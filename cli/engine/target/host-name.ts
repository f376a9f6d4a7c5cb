// Targets that are named by a host name, as nvme-cli allows it: SPDK takes addresses only.

import dns from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { Failure } from '../process/exit.js';

interface Named {
  readonly transport?: string;
  readonly traddr?: string;
  readonly transportId?: unknown;
  readonly hostTraddr?: string;
  readonly timeout?: number;
}

/**
 * Puts an address into the place of a host name in `--traddr`. With `--host-traddr` it is one of that family, else an IPv4
 * address if there is one.
 * @throws {Failure} if none is found within `--timeout`
 */
export async function lookUpTarget(command: Command): Promise<void> {
  const { transport, traddr, transportId, hostTraddr = '', timeout = 0 } = command.opts<Named>();
  // The verb rejects a target that is named by half, or twice.
  if (transport === undefined || traddr === undefined || isIP(traddr) || transportId) return;
  const timer = new AbortController();
  const late = sleep(timeout, undefined, { signal: timer.signal }).then(() => {
    throw new Failure(`the resolver did not respond within ${timeout} ms`);
  });
  try {
    const found = dns.lookup(traddr, { family: isIP(hostTraddr), verbatim: false });
    command.setOptionValue('traddr', (await Promise.race([found, late])).address);
  } catch (error) {
    throw new Failure(`--traddr ${traddr} has no address: ${error instanceof Error ? error.message : error}`);
  } finally {
    timer.abort();
    late.catch(() => {});
  }
}
