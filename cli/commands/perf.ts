// The verb that loads a namespace and measures.

import { type Command, Option } from 'commander';
import type { Namespace, PollingMode } from 'spdk-nvme';
import { addNamespaceOption, type NamespaceOption, namespaceOf } from '../engine/options/namespace-option.js';
import { bytes, formatBytes, integer } from '../engine/options/numbers.js';
import { addRangeOptions, checkRangeOptions, type RangeOptions, rangeOf } from '../engine/options/range.js';
import { addTargetOptions } from '../engine/options/target-options.js';
import { UsageError } from '../engine/process/exit.js';
import { whileExported } from '../engine/target/exported.js';
import {
  addSessionOptions,
  type Session,
  type SessionOptions,
  withController,
} from '../engine/target/session.js';
import { many } from '../engine/terminal/many.js';
import { addOutputOption, type OutputOptions, print } from '../engine/terminal/output.js';
import { table } from '../engine/terminal/show.js';
import { reportedIfStopped, reportOption, writeHtml } from '../report/option.js';
import { perfDocument } from '../report/perf.js';
import { type IoPlan, isMixed, type Pattern, patterns, unitsOf, writes } from '../workloads/io-plan.js';
import { type PerfReport, runPerf } from '../workloads/perf.js';
import { maxUnits } from '../workloads/verifier.js';

/** The most entries of a queue. */
const maxDepth = 32_768;

interface Given extends SessionOptions, NamespaceOption, OutputOptions, RangeOptions {
  readonly workload: Pattern;
  readonly ioSize: number;
  readonly depth: number;
  readonly ioQueues: number;
  readonly polling: PollingMode;
  readonly api: 'batch' | 'promise';
  readonly readPercent?: number;
  readonly seconds: number;
  readonly ramp: number;
  readonly rate?: number;
  readonly verify: boolean;
  readonly allowWrites: boolean;
  readonly report?: string;
}

export function addPerf(program: Command): void {
  const command = program
    .command('perf')
    .description('Measure operations per second, latency and processor time with a namespace.');
  addOutputOption(addNamespaceOption(addSessionOptions(addTargetOptions(command))));
  addRangeOptions(command, 'the length of the range that is used (default: to the end of the namespace)');
  addLoadOptions(command)
    .option('--seconds <S>', 'the time to measure', integer(1, 7 * 86_400), 10)
    .option('--ramp <S>', 'the time to run before measuring', integer(0, 86_400), 1)
    .option(
      '--rate <OPS>',
      'the maximum number of operations per second (default: no limit)',
      integer(1, 100_000_000),
    )
    .option(
      '--verify',
      'first overwrite the whole range with patterns, then check every read, and the whole range at the end',
      false,
    )
    .option('--allow-writes', 'allow this run to overwrite the data in the range', false)
    .addOption(reportOption())
    .action(async (given: Given) => {
      const checked = planOf(given);
      const { ioQueues, depth, polling } = given;
      // The run looks for commands that take too long by itself, which costs less.
      // From SPDK v22.05 on, a queue has room for one command less than it has entries.
      const queueDepth = Math.min(maxDepth, depth + 1);
      const attach = { ioQueues, queueDepth, polling, ioTimeoutMs: undefined };
      process.exitCode = await withController(given, attach, (session) => run(session, given, checked));
    });
}

/** The options of what is sent, and how. */
function addLoadOptions(command: Command): Command {
  return command
    .addOption(new Option('--workload <PATTERN>', 'the workload').choices(patterns).default('randread'))
    .option('--io-size <BYTES>', 'the size of each operation', bytes(1, 2 ** 30), 4096)
    .option('--depth <N>', 'outstanding operations on each queue', integer(1, maxDepth), 32)
    .option('--io-queues <Q>', 'I/O queues', integer(1, 1024), 1)
    .addOption(
      new Option('--polling <MODE>', 'which threads poll')
        .choices(['threads', 'inline', 'adaptive'])
        .default('adaptive'),
    )
    .addOption(
      new Option('--api <API>', 'the interface of the package')
        .choices(['batch', 'promise'])
        .default('batch'),
    )
    .option(
      '--read-percent <P>',
      'the percentage of reads in a mixed workload (default: 50)',
      integer(0, 100),
    );
}

/** Runs the plan on an attached controller, and returns the exit status. */
async function run(
  { environment, controller, limits }: Session,
  given: Given,
  checked: Omit<IoPlan, 'offset' | 'length'>,
): Promise<number> {
  const namespace = namespaceOf(controller, given);
  const { offset, length = namespace.bytes - offset } = rangeOf(namespace, given);
  const plan = { ...checked, offset, length };
  checkIoSize(plan, namespace);
  if (plan.api === 'batch' && namespace.metadataSize > 0)
    throw new UsageError('--api batch does not work with namespaces that have metadata; add --api promise');
  if (plan.verify) checkUnits(plan, controller.queuePairs.length);
  // On stderr, which a report on stdout leaves free.
  if (writes(plan)) process.stderr.write(`spdk-nvme: perf overwrites ${rangeText(plan, namespace)}\n`);
  const report = await whileExported(environment, 'perf', () =>
    runPerf(environment, controller, namespace, plan, { ...limits, ioQueues: given.ioQueues }),
  );
  print(given.outputFormat, report, () => asText(report));
  const { signal } = limits;
  if (given.report !== undefined)
    await reportedIfStopped(writeHtml(given.report, perfDocument(report), signal), signal);
  return report.findings.length > 0 ? 1 : 0;
}

function checkIoSize({ ioSize, length }: IoPlan, { blockSize }: Namespace): void {
  if (ioSize % blockSize !== 0)
    throw new UsageError(`--io-size ${ioSize} is not a multiple of the block size, ${blockSize} bytes`);
  if (ioSize > length)
    throw new UsageError(`--io-size ${ioSize} is more than the ${length} bytes of the range`);
}

/** Names the range that a run may write to. */
function rangeText({ offset, length }: IoPlan, { id, bytes }: Namespace): string {
  const whole = length === bytes ? ', the whole namespace' : '';
  return `bytes ${offset} to ${offset + length - 1} of namespace ${id}${whole}`;
}

/** Checks the number of units: with --verify each outstanding operation has one of its own, and a table has an entry for each. */
function checkUnits(plan: IoPlan, queues: number): void {
  const units = unitsOf(plan);
  const min = plan.depth * queues;
  if (units >= min && units <= maxUnits) return;
  throw new UsageError(
    `--length is ${units} times --io-size; --verify takes from ${min} to ${maxUnits}, at this --depth`,
  );
}

/** @returns the plan but for its range, which needs the namespace */
function planOf(given: Given): Omit<IoPlan, 'offset' | 'length'> {
  checkRangeOptions(given);
  if (given.readPercent !== undefined && !isMixed(given.workload))
    throw new UsageError(`--read-percent needs a mixed workload; ${given.workload} is not one`);
  const plan = {
    pattern: given.workload,
    ioSize: given.ioSize,
    depth: given.depth,
    api: given.api,
    polling: given.polling,
    readPercent:
      given.readPercent ?? (isMixed(given.workload) ? 50 : given.workload.endsWith('read') ? 100 : 0),
    seconds: given.seconds,
    rampSeconds: given.ramp,
    rate: given.rate,
    verify: given.verify,
  };
  if (writes(plan) && !given.allowWrites) {
    throw new UsageError('This run overwrites the data on the namespace: add --allow-writes to allow it');
  }
  return plan;
}

const latencies = ['mean', 'p50', 'p90', 'p99', 'p99.9', 'max'];
const titles = ['op/s', 'per second', 'mean µs', ...latencies.slice(1), 'CPU s per million'];
const listedTitles = [
  'op/s',
  'bytes per second',
  ...latencies.map((name) => `${name} µs`),
  'CPU s per million op',
];

function asText(report: PerfReport): string {
  const { spdk, target, pattern, ioSize, depth, ioQueues, api, polling, latencyUs } = report;
  const ofLatency = (value: number | null) => value?.toFixed(1) ?? '-';
  return [
    `${spdk}, ${target}, namespace ${report.namespaceId}`,
    `${pattern}, ${formatBytes(ioSize)}, depth ${depth} on ${many(ioQueues, 'I/O queue')}, ${api}, ${polling}, ${report.measuredSeconds} s`,
    table(
      titles,
      [
        [
          Math.round(report.iops),
          formatBytes(report.bytesPerSecond),
          ofLatency(latencyUs.mean),
          ofLatency(latencyUs.p50),
          ofLatency(latencyUs.p90),
          ofLatency(latencyUs.p99),
          ofLatency(latencyUs.p999),
          ofLatency(latencyUs.max),
          report.cpuSecondsPerMillion.toFixed(2),
        ],
      ],
      { listed: listedTitles },
    ),
    ...report.findings,
    ...(report.interrupted ? ['Stopped before its time'] : []),
  ].join('\n');
}
