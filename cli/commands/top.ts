// The verb that shows what the controllers of running programs do.

import { accessSync, constants, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { formatTransportId, type StatsSnapshot } from 'spdk-nvme';
import { type ControllerRates, ratesBetween, withControllersOf } from '../engine/measure/rates.js';
import { formatBytes, integer } from '../engine/options/numbers.js';
import { Failure, ownCode } from '../engine/process/exit.js';
import { type StopSignal, untilStopped } from '../engine/process/stop.js';
import { findSockets, readSnapshot } from '../engine/target/stats-client.js';
import { anaText } from '../engine/terminal/ana.js';
import { canDraw } from '../engine/terminal/bar.js';
import { coloredState } from '../engine/terminal/color.js';
import { addOutputOption, type OutputOptions, printLine } from '../engine/terminal/output.js';
import { table } from '../engine/terminal/show.js';

interface Given extends OutputOptions {
  readonly interval: number;
  readonly count?: number;
}

/** What one process did in the last interval. */
interface Process {
  readonly pid: number;
  readonly program: string;
  readonly socket: string;
  readonly memory: StatsSnapshot['memory'];
  readonly controllers: readonly ControllerRates[];
  readonly subsystems: StatsSnapshot['subsystems'];
}

const clearScreen = '\x1b[H\x1b[2J';

export function addTop(program: Command): void {
  addOutputOption(
    program
      .command('top')
      .description(
        'Show rates, latency, queue depth and state of each controller of running processes: of perf and stress, and of ' +
          'programs that export their statistics (exportStats() in the package).',
      )
      .argument('[sockets...]', 'sockets to read (default: those of all processes of this user)', socket)
      .option('-i, --interval <S>', 'seconds between two readings', integer(1, 3_600), 1)
      .option(
        '--count <N>',
        'the number of readings to show (default: until Ctrl-C; 1 with -o json)',
        integer(1, 1_000_000),
      ),
  ).action(async (sockets: string[], given: Given) => {
    process.exitCode = await untilStopped((stop) => watch(sockets, given, stop));
  });
}

async function watch(sockets: readonly string[], given: Given, stop: StopSignal): Promise<number> {
  const count = given.count ?? (given.outputFormat === 'json' ? 1 : Number.POSITIVE_INFINITY);
  let before = await readAll(sockets, stop);
  if (before.size === 0) throw new Failure(noProcess(sockets));
  for (let shown = 0; shown < count && !stop.requested; shown++) {
    const after = await readFor(given.interval * 1_000, sockets, stop);
    if (stop.requested) break;
    if (after.size === 0) throw new Failure('No process exports its statistics any more');
    show(given, compare(before, after));
    before = after;
  }
  return 0;
}

function socket(path: string, before: string[] = []): string[] {
  if (path === '') throw new InvalidArgumentError('The value must be the path of a socket.');
  return [...before, path];
}

/** How often the statistics are read in an interval at most, so that a controller of `stress`, which lives for some ms, is seen. */
const readingsEach = 10;

/** Reads for this time; what was attached in the meantime is there as it was seen last. */
async function readFor(
  ms: number,
  sockets: readonly string[],
  stop: StopSignal,
): Promise<Map<string, StatsSnapshot>> {
  let latest = new Map<string, StatsSnapshot>();
  // A process that is stopped keeps each reading waiting for seconds; the interval stays what it is all the same.
  for (const end = performance.now() + ms; performance.now() < end && !stop.requested; ) {
    await sleep(ms / readingsEach, undefined, { signal: stop.signal }).catch(() => {});
    const earlier = latest;
    latest = await readAll(sockets, stop);
    for (const [socket, now] of latest) {
      const then = earlier.get(socket);
      if (then?.pid === now.pid) latest.set(socket, withControllersOf(then, now));
    }
  }
  return latest;
}

/** The statistics of every process that responds, by its socket; none after a signal. */
async function readAll(sockets: readonly string[], stop: StopSignal): Promise<Map<string, StatsSnapshot>> {
  const files = sockets.length > 0 ? sockets : findSockets();
  const reading = Promise.all(files.map(async (file) => [file, await readSnapshot(file)] as const));
  // A process that is stopped keeps its reader waiting, and the user is not to wait with it.
  const read = await stop.waitFor(reading, 0);
  return new Map((read?.result ?? []).flatMap(([file, snapshot]) => (snapshot ? [[file, snapshot]] : [])));
}

function whyNoResponse(socket: string): string {
  try {
    if (!statSync(socket).isSocket()) return `${socket} is not a socket`;
    accessSync(socket, constants.W_OK);
  } catch (error) {
    const closed = ownCode(error) === 'EACCES';
    return `${socket} ${closed ? 'can be read by the user of its process, and by root, only' : 'does not exist'}`;
  }
  return `No process responds at ${socket}`;
}

function noProcess(sockets: readonly string[]): string {
  return sockets.length > 0
    ? sockets.map(whyNoResponse).join('; ')
    : 'No process of this user exports its statistics; start spdk-nvme perf or stress, or call exportStats() in a program';
}

function compare(
  before: ReadonlyMap<string, StatsSnapshot>,
  after: ReadonlyMap<string, StatsSnapshot>,
): Process[] {
  return [...after].flatMap(([socket, now]) => {
    const then = before.get(socket);
    if (then?.pid !== now.pid) return [];
    const { pid, program, memory } = now;
    return [
      {
        pid,
        program,
        socket,
        memory,
        controllers: ratesBetween(then, now),
        subsystems: now.subsystems ?? [],
      },
    ];
  });
}

function show({ outputFormat }: Given, processes: readonly Process[]): void {
  if (outputFormat === 'normal' && canDraw(process.stdout)) process.stdout.write(clearScreen);
  if (outputFormat === 'json') printLine({ processes });
  else process.stdout.write(`${processes.map(asText).join('\n\n')}\n`);
}

/** A program names itself; a name must not steer the terminal. */
function printable(name: string): string {
  return String(name).replace(/[^\x20-\x7e]/g, '?');
}

function asText({ pid, program, memory, controllers, subsystems }: Process): string {
  const { usedBytes, totalBytes } = memory;
  const us = (value: number | null) => (value === null ? '-' : value.toFixed(value < 10 ? 1 : 0));
  return [
    `${printable(program)}, process ${pid}, ${formatBytes(usedBytes)} of ${formatBytes(totalBytes)} hugepage memory`,
    table(
      [
        'controller',
        'state',
        'queues',
        'pending',
        'op/s',
        'read/s',
        'written/s',
        'p50 µs',
        'p99 µs',
        'failed/s',
      ],
      controllers.map((one) => [
        one.transportId,
        coloredState(one.state),
        one.ioQueues,
        one.pending,
        Math.round(one.iops),
        formatBytes(one.readBytesPerSecond),
        formatBytes(one.writeBytesPerSecond),
        us(one.p50Us),
        us(one.p99Us),
        one.failedPerSecond,
      ]),
    ),
    ...subsystems.map(pathsAsText),
  ].join('\n');
}

/** Which paths a subsystem has, and how they are. */
function pathsAsText({ nqn, policy, paths }: StatsSnapshot['subsystems'][number]): string {
  return [
    `\n${nqn}, ${policy}`,
    table(
      ['path', 'state', 'ANA', 'sent', 'sent again'],
      paths.map((path) => [
        pathName(path),
        coloredState(path.state),
        anaText(path.ana) || '-',
        path.sent,
        path.failedOver,
      ]),
    ),
  ].join('\n');
}

type Path = StatsSnapshot['subsystems'][number]['paths'][number];

function pathName({ transportId, sourceAddress }: Path): string {
  const { subnqn: _, ...address } = transportId;
  return formatTransportId(address) + (sourceAddress ? ` from ${sourceAddress}` : '');
}
