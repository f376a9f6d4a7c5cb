// The verb that prints a discovery log, once or at each change.

import type { Command } from 'commander';
import type {
  DiscoveryEntry,
  DiscoveryFailure,
  DiscoveryLog,
  Environment,
  RdmaPort,
  TransportId,
} from 'spdk-nvme';
import {
  addReferralsOption,
  addTargetOptions,
  attachOptionsOf,
  serviceOf,
  withPortHint,
} from '../engine/options/target-options.js';
import { codeOf, explain, explainBriefly, messageOf, UsageError } from '../engine/process/exit.js';
import { flatten, readLog, reportReferral } from '../engine/target/listed.js';
import { addSessionOptions, type SessionOptions, withEnvironment } from '../engine/target/session.js';
import { many } from '../engine/terminal/many.js';
import {
  addOutputOption,
  harmless,
  type OutputOptions,
  print,
  printLine,
} from '../engine/terminal/output.js';
import { table } from '../engine/terminal/show.js';

interface Given extends SessionOptions, OutputOptions {
  readonly referrals: number;
  readonly watch: boolean;
}

/** How soon a person at a terminal sees changes of a service that does not report them. */
const pollIntervalMs = 1_000;

/** The words of nvme-cli. */
const subtypes = {
  nvm: 'nvme subsystem',
  referral: 'discovery subsystem referral',
  current: 'current discovery subsystem',
  unknown: 'unrecognized',
} as const;
/** By bit, in the order in which nvme-cli names them. */
const entryFlags = [
  [2, 'explicit discovery connections'],
  [1, 'duplicate discovery information'],
  [4, 'no cdc connectivity'],
] as const;
const secureChannels = {
  'not-specified': 'not specified',
  required: 'required',
  'not-required': 'not required',
} as const;

export function addDiscover(program: Command): void {
  const command = program
    .command('discover')
    .description(
      'Read the discovery log of a target. --nqn is only needed for a discovery service with another name.',
    );
  addOutputOption(
    addSessionOptions(
      addTargetOptions(command, {
        discovery: true,
        nqnHelp: 'the discovery service’s NQN (default: the usual one)',
      }),
    ),
  ).option('--watch', 'stay connected and print each change, until Ctrl-C', false);
  addReferralsOption(command).action(async (given: Given) => {
    const service = serviceOf(given);
    if (given.watch && given.referrals > 0)
      throw new UsageError('--watch does not follow referrals: omit --referrals');
    if (!given.watch && given.keepAliveTmo !== undefined)
      throw new UsageError('--keep-alive-tmo is for a connection that stays: add --watch, or omit it');
    process.exitCode = await withEnvironment(given, async (environment, stop) => {
      if (given.watch) return watch(environment, service, given, stop.signal);
      const log = await readLog(environment, service, given, stop.signal);
      const logs = flatten(log);
      const entries = logs.flatMap((one) => one.entries);
      const failures = logs.flatMap((one) => one.failures);
      const found = {
        genctr: log.generation,
        records: entries.map(recordOf),
        // nvme-cli has neither: it prints the log of each service by itself, and the failures as text.
        referrals: logs.slice(1).map((one) => ({ ...serviceFields(one), genctr: one.generation })),
        failures: failures.map(failureOf),
      };
      print(given.outputFormat, found, () => asText(log, entries));
      for (const failure of failures) reportReferral(failure);
      return failures.length > 0 ? 1 : 0;
    });
  });
}

/** Prints each change as lines, or as one line of JSON. */
async function watch(
  environment: Environment,
  service: TransportId,
  given: Given,
  signal: AbortSignal,
): Promise<number> {
  const options = { ...attachOptionsOf(given), pollIntervalMs, signal };
  await using changes = await withPortHint(given, environment.watchDiscovery(service, options));
  const say = (text: string) => void process.stderr.write(`spdk-nvme: ${text}\n`);
  changes.on('resetting', (reason) =>
    say(`${reason ? `${explainBriefly(reason)} ` : ''}The connection is made again.`),
  );
  changes.on('reconnectFailed', (error, attempts) =>
    say(`attempt ${attempts} to connect: ${explainBriefly(error)}`),
  );
  changes.on('readFailed', (error) => say(`the log could not be read: ${explain(error)}`));
  changes.on('reset', () => say('connected again'));
  for await (const { log, added, removed, changed } of changes) {
    const records = { added, removed, changed };
    if (given.outputFormat === 'json') {
      const lists = Object.entries(records).map(([name, list]) => [name, list.map(recordOf)]);
      printLine({ genctr: log.generation, ...Object.fromEntries(lists) });
      continue;
    }
    const signs = { added: '+', removed: '-', changed: '~' } as const;
    for (const name of ['added', 'removed', 'changed'] as const) {
      for (const entry of records[name]) process.stdout.write(`${signs[name]} ${harmless(asLine(entry))}\n`);
    }
  }
  return 0;
}

function asLine({ subsystemNqn, subtype, transport, address, service, portId }: DiscoveryEntry): string {
  return `${subsystemNqn}  ${subtypes[subtype]}  ${transport} ${address} ${service}  port ${portId}`;
}

function serviceFields({ transportId }: Pick<DiscoveryLog, 'transportId'>) {
  const { trtype, traddr, trsvcid = '' } = transportId;
  return { trtype: trtype.toLowerCase(), traddr, trsvcid };
}

/** A service that could not be read. */
function failureOf(failure: DiscoveryFailure) {
  return { ...serviceFields(failure), code: codeOf(failure.error), text: messageOf(failure.error) };
}

/** One record in the format of `nvme discover -o json`. */
function recordOf(entry: DiscoveryEntry) {
  const { transport, transportId, subtype, portId, service, subsystemNqn, address, flags } = entry;
  return {
    trtype: transport,
    adrfam: transportId?.adrfam?.toLowerCase() ?? '',
    subtype: subtypes[subtype],
    treq: `${secureChannels[entry.secureChannel]}${entry.disablesSqFlowControl ? ', sq flow control disable supported' : ''}`,
    portid: portId,
    trsvcid: service,
    subnqn: subsystemNqn,
    traddr: address,
    eflags: flagsText(flags),
    ...(entry.security === null ? {} : { sectype: entry.security }),
    ...(entry.rdma === null ? {} : rdmaFieldsOf(entry.rdma)),
  };
}

function flagsText(flags: number): string {
  const names = entryFlags.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return names.join(', ') || 'none';
}

function rdmaFieldsOf({ queuePairType, provider, connectionManagement, partitionKey }: RdmaPort) {
  return {
    rdma_prtype: provider.replace('not-specified', 'not specified'),
    rdma_qptype: queuePairType,
    rdma_cms: connectionManagement,
    rdma_pkey: partitionKey,
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
  return `Generation ${log.generation}, ${many(entries.length, 'entry', 'entries')}\n${table(['Subsystem', 'Type', 'Transport', 'Address', 'Service', 'Port'], rows)}`;
}
