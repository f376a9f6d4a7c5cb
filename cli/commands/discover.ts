import type { Command } from 'commander';
import { type DiscoveryEntry, type DiscoveryLog, parseTransportId } from 'spdk-nvme';
import { explain, UsageError } from '../engine/exit.js';
import { integer } from '../engine/numbers.js';
import { addOutputOption, type OutputOptions, print } from '../engine/output.js';
import { addSessionOptions, type SessionOptions, withEnvironment } from '../engine/session.js';
import { table } from '../engine/show.js';
import { addTargetOptions, attachOptionsOf, targetsOf } from '../engine/target-options.js';

interface Given extends SessionOptions, OutputOptions {
  readonly referrals: number;
}

/** nvme-cli's words. */
const subtypes = {
  nvm: 'nvme subsystem',
  referral: 'discovery subsystem referral',
  current: 'current discovery subsystem',
  unknown: 'unrecognized',
} as const;
const secureChannels = {
  'not-specified': 'not specified',
  required: 'required',
  'not-required': 'not required',
} as const;

export function addDiscover(program: Command): void {
  const command = program
    .command('discover')
    .description(
      'Ask a target what it offers: its discovery log. --nqn is needed for a discovery service of another name only.',
    );
  addOutputOption(addSessionOptions(addTargetOptions(command)))
    .option('--referrals <DEPTH>', 'follow referrals so many services deep', integer(0, 8), 0)
    .action(async (given: Given) => {
      const service = serviceOf(given);
      process.exitCode = await withEnvironment(given, async (environment, stop) => {
        const { timeoutMs, hostNqn, hostId, sourceAddress } = attachOptionsOf(given);
        const log = await environment.discover(service, {
          ...{ timeoutMs, hostNqn, hostId, sourceAddress },
          referralDepth: given.referrals,
          signal: stop.signal,
        });
        const logs = flatten(log);
        const entries = logs.flatMap((one) => one.entries);
        print(given.outputFormat, { genctr: log.generation, records: entries.map(recordOf) }, () =>
          asText(log, entries),
        );
        const failures = logs.flatMap((one) => one.failures);
        for (const { transportId, error } of failures) {
          process.stderr.write(`spdk-nvme: referral ${transportId.traddr}: ${explain(error)}\n`);
        }
        return failures.length > 0 ? 1 : 0;
      });
    });
}

/** Where the service is; unlike elsewhere its NQN may be left out. */
function serviceOf(given: Given) {
  const { transport, traddr, trsvcid, nqn = [], transportId = [] } = given;
  if (transportId.length === 1 && !transport && !traddr && nqn.length === 0) {
    return parseTransportId(transportId[0] as string);
  }
  if (nqn.length === 0 && transport && traddr && transportId.length === 0) {
    const adrfam = traddr.includes(':') ? 'IPv6' : 'IPv4';
    const trtype = transport === 'rdma' ? 'RDMA' : 'TCP';
    return parseTransportId({ trtype, adrfam, traddr, trsvcid: trsvcid ?? '4420' });
  }
  const [id, another] = targetsOf(given);
  if (!id || another) throw new UsageError('Name one discovery service');
  return id;
}

function flatten(log: DiscoveryLog): DiscoveryLog[] {
  return [log, ...log.referrals.flatMap(flatten)];
}

/** One record as `nvme discover -o json` has it. */
function recordOf(entry: DiscoveryEntry) {
  const { transport, transportId, subtype, portId, service, subsystemNqn, address, flags } = entry;
  return {
    trtype: transport,
    adrfam: transportId?.adrfam?.toLowerCase() ?? '',
    subtype: subtypes[subtype],
    treq: secureChannels[entry.secureChannel],
    portid: portId,
    trsvcid: service,
    subnqn: subsystemNqn,
    traddr: address,
    eflags: flags === 0 ? 'none' : flags,
    ...(entry.security === null ? {} : { sectype: entry.security }),
  };
}

function asText(log: DiscoveryLog, entries: readonly DiscoveryEntry[]): string {
  const rows = entries.map((entry) => [
    entry.subsystemNqn,
    subtypes[entry.subtype],
    entry.transport,
    entry.address,
    entry.service,
    entry.portId,
  ]);
  return `Generation ${log.generation}, ${entries.length} entries\n${table(['Subsystem', 'Type', 'Transport', 'Address', 'Service', 'Port'], rows)}`;
}
