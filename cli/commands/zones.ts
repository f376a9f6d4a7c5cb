// The verbs for zoned namespaces, with the options of nvme-cli's plugin zns. Blocks are counted, as there.

import type { Command } from 'commander';
import { type Namespace, SpdkError, type Zone, type ZoneState, type Zones } from 'spdk-nvme';
import { readInput, sizeOfInput } from '../engine/files/named-files.js';
import { addNamespaceOption, type NamespaceOption, namespaceOf } from '../engine/options/namespace-option.js';
import { hex, integer } from '../engine/options/numbers.js';
import { addTargetOptions } from '../engine/options/target-options.js';
import { UsageError } from '../engine/process/exit.js';
import {
  addSessionOptions,
  type Session,
  type SessionOptions,
  withController,
} from '../engine/target/session.js';
import { addOutputOption, type OutputOptions, print } from '../engine/terminal/output.js';
import { listing } from '../engine/terminal/show.js';

type Given = SessionOptions & NamespaceOption;
type Work<Options> = (session: Session, namespace: Namespace, given: Given & Options) => Promise<void>;
type Selection = { readonly startLba?: number; readonly selectAll: boolean };

const block = integer(0, Number.MAX_SAFE_INTEGER);
/** nvme-cli's numbers and names. */
const filters = [
  ...([undefined, 'empty', 'implicitly-open', 'explicitly-open', 'closed'] as const),
  ...(['full', 'read-only', 'offline'] as const),
];
const names: Readonly<Record<ZoneState, string>> = {
  empty: 'EMPTY',
  'implicitly-open': 'IMP_OPENED',
  'explicitly-open': 'EXP_OPENED',
  closed: 'CLOSED',
  'read-only': 'READONLY',
  full: 'FULL',
  offline: 'OFFLINE',
};
const types: Readonly<Record<Zone['type'], string>> = {
  'sequential-write-required': 'SEQWRITE_REQ',
  unknown: 'Unknown',
};
const actions = ['close', 'finish', 'open', 'reset', 'offline'] as const;

export function addZones(program: Command): void {
  addInfo(program);
  addReport(program);
  for (const [method, action] of [
    ['close', 'Close a zone; its write pointer does not change.'],
    ['finish', 'Make a zone full.'],
    ['open', 'Open a zone.'],
    ['reset', 'Make a zone empty; its data is lost.'],
    ['offline', 'Take a read-only zone out of use permanently.'],
  ] as const) {
    zoneCommand(program, `zns-${method}-zone`, action).action(
      act<Selection>(async ({ limits }, namespace, given) => {
        await namespace.zones[method](zonesOf(namespace, given), limits);
        success(`zns-${method}-zone`);
      }),
    );
  }
  zoneCommand(program, 'zns-zone-mgmt-send', 'Send a Zone Management Send command.')
    .requiredOption('--zsa <N>', 'the action: 1 close, 2 finish, 3 open, 4 reset, 5 offline', integer(1, 5))
    .action(
      act<Selection & { zsa: number }>(async ({ limits }, namespace, given) => {
        await namespace.zones[actions[given.zsa - 1] as (typeof actions)[number]](
          zonesOf(namespace, given),
          limits,
        );
        success('zns-zone-mgmt-send');
      }),
    );
  addAppend(program);
}

function addInfo(program: Command): void {
  const command = program.command('zns-id-ns').description('Show the size and the limits of zones.');
  addOutputOption(addNamespaceOption(addSessionOptions(addTargetOptions(command)))).action(
    act<OutputOptions>(async ({ limits }, namespace, given) => {
      const info = await namespace.zones.info(limits);
      if (!info) throw new SpdkError('ERR_SPDK_UNSUPPORTED', `Namespace ${namespace.id} has no zones`);
      const fields = {
        zsze: info.zoneBytes / namespace.blockSize,
        zones: info.zones,
        mor: info.maxOpen,
        mar: info.maxActive,
        zdes: info.extensionBytes,
        zoneAppendBytes: info.maxAppendBytes,
        readAcrossZones: Number(info.readsAcrossZones),
        variableCapacity: Number(info.variableCapacity),
      };
      print(given.outputFormat, fields, () => listing(fields));
    }),
  );
}

function addReport(program: Command): void {
  const command = program.command('zns-report-zones').description('List the zones of a namespace.');
  addOutputOption(addNamespaceOption(addSessionOptions(addTargetOptions(command))))
    .option('--start-lba <BLOCK>', 'a block of the zone to begin with', block, 0)
    .option('-d, --descs <N>', 'the maximum number of zones (default: all)', integer(1, 0xffff_ffff))
    .option(
      '--state <N>',
      'only zones in this state: 1 empty, 2 implicitly open, 3 explicitly open, 4 closed, 5 full, 6 read-only, 7 offline',
      integer(0, 7),
      0,
    )
    .option('-e, --extended', 'also list the descriptor extensions', false)
    .action(
      act<OutputOptions & { startLba: number; descs?: number; state: number; extended: boolean }>(
        async ({ limits }, namespace, { startLba, descs, state, extended, outputFormat }) => {
          const from = offsetOf(namespace, '--start-lba', startLba);
          const zones = await namespace.zones.report({
            ...{ from, count: descs, state: filters[state], extensions: extended },
            ...limits,
          });
          const list = zones.map((zone) => shown(zone, namespace.blockSize));
          print(outputFormat, { nr_zones: list.length, zone_list: list }, () =>
            [`nr_zones: ${list.length}`, ...list.map(line)].join('\n'),
          );
        },
      ),
    );
}

function addAppend(program: Command): void {
  const command = program.command('zns-zone-append').description('Write at the write pointer of a zone.');
  addNamespaceOption(addSessionOptions(addTargetOptions(command)))
    .requiredOption('--zslba <BLOCK>', 'the first block of the zone', block)
    .requiredOption('-d, --data <FILE>', 'the data')
    .option('-f, --force-unit-access', 'the data is durable when the command completes', false)
    .option('-l, --limited-retry', 'let the controller retry less often after errors', false)
    .action(
      act<{ zslba: number; data: string; forceUnitAccess: boolean; limitedRetry: boolean }>(
        async ({ limits }, namespace, { zslba, data, forceUnitAccess: fua, limitedRetry }) => {
          const { blockSize } = namespace;
          const options = { fua, limitedRetry, ...limits };
          const source = readInput(data, sizeOfData({ data }));
          const zone = offsetOf(namespace, '--zslba', zslba);
          const offset = await namespace.zones.append(zone, source, options);
          process.stdout.write(`Success appended data to LBA ${(offset / blockSize).toString(16)}\n`);
        },
        sizeOfData,
      ),
    );
}

/** The size of the data, which must be known before, because one command sends it. */
function sizeOfData({ data }: { readonly data: string }): number {
  const size = sizeOfInput('--data', data);
  if (size === undefined) throw new UsageError(`--data must be a regular file; ${data} is not`);
  return size;
}

function zoneCommand(program: Command, name: string, description: string): Command {
  const command = program.command(name).description(description);
  return addNamespaceOption(addSessionOptions(addTargetOptions(command)))
    .option('--start-lba <BLOCK>', 'the first block of the zone', block)
    .option('--select-all', 'change all zones whose state allows it', false);
}

function zonesOf(
  namespace: Namespace,
  { startLba = 0, selectAll }: Selection,
): Parameters<Zones['reset']>[0] {
  return selectAll ? 'all' : offsetOf(namespace, '--start-lba', startLba);
}

/** The offset of a block that an option names. */
function offsetOf({ blockSize, blocks }: Namespace, option: string, lba: number): number {
  if (lba >= blocks) throw new UsageError(`${option} ${lba} is past the last block`);
  return lba * blockSize;
}

/** @param check what is wrong with the options, before anything is opened */
function act<Options>(work: Work<Options>, check: (given: Given & Options) => unknown = () => {}) {
  return async (given: Given & Options): Promise<void> => {
    const { startLba, selectAll } = given as Partial<Selection>;
    if (selectAll !== undefined && selectAll === (startLba !== undefined))
      throw new UsageError('Use either --start-lba or --select-all');
    check(given);
    process.exitCode = await withController(given, {}, async (session) => {
      await work(session, namespaceOf(session.controller, given), given);
      return 0;
    });
  };
}

function shown({ offset, writePointer, capacity, state, type, extension }: Zone, blockSize: number) {
  return {
    slba: offset / blockSize,
    // As nvme-cli prints it for zones without one.
    wp: writePointer === undefined ? 0xffff_ffff_ffff_ffffn : writePointer / blockSize,
    cap: capacity / blockSize,
    state: names[state],
    type: types[type],
    ...(extension && { ext_data: extension.toString('hex') }),
  };
}

function line({ slba, wp, cap, state, ...rest }: ReturnType<typeof shown>): string {
  const end = 'ext_data' in rest ? ` Extension: ${rest.ext_data}` : '';
  return `SLBA: 0x${hex(slba)} WP: 0x${hex(wp)} Cap: 0x${hex(cap)} State: ${state}${end}`;
}

function success(verb: string): void {
  process.stdout.write(`${verb}: Success\n`);
}
