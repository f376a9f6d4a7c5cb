// The verb that loads a namespace and measures.

import { type Command, Option } from 'commander';
import type { Namespace, PollingMode } from 'spdk-nvme';
import { addNamespaceOption, type NamespaceOption, namespaceOf } from '../engine/options/namespace-option.js';
import { bytes, formatBytes, integer } from '../engine/options/numbers.js';
import { addPlaceOptions, checkPlaceOptions, type PlaceOptions, placeOf } from '../engine/options/place.js';
import { addTargetOptions } from '../engine/options/target-options.js';
import { UsageError } from '../engine/process/exit.js';
import { whileExported } from '../engine/target/exported.js';
import { addSessionOptions, type SessionOptions, withController } from '../engine/target/session.js';
import { many } from '../engine/terminal/many.js';
import { addOutputOption, type OutputOptions, print } from '../engine/terminal/output.js';
import { table } from '../engine/terminal/show.js';
import { reportOption, writeHtml } from '../report/option.js';
import { perfDocument } from '../report/perf.js';
import { type IoPlan, isMixed, type Pattern, patterns, placesOf, writes } from '../workloads/io-plan.js';
import { type PerfReport, runPerf } from '../workloads/perf.js';
import { maxPlaces } from '../workloads/verifier.js';

interface Given extends SessionOptions, NamespaceOption, OutputOptions, PlaceOptions {
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
  addPlaceOptions(command, 'the length of the range that is used (default: to the end of the namespace)')
    .addOption(new Option('--workload <PATTERN>', 'the workload').choices(patterns).default('randread'))
    .option('--io-size <BYTES>', 'the size of each operation', bytes(1, 2 ** 30), 4096)
    .option('--depth <N>', 'outstanding operations on each queue', integer(1, 32_768), 32)
    .option('--io-queues <Q>', 'I/O queues', integer(1, 1024), 1)
    .addOption(
      new Option('--polling <MODE>', 'the thread that polls')
        .choices(['threads', 'inline', 'adaptive'])
        .default('adaptive'),
    )
    .addOption(
      new Option('--api <API>', 'the interface of the package')
        .choices(['batch', 'promise'])
        .default('batch'),
    )
    .option('--read-percent <P>', 'the share of reads in a mixed workload (default: 50)', integer(0, 100))
    .option('--seconds <S>', 'the time to measure', integer(1, 7 * 86_400), 10)
    .option('--ramp <S>', 'the time to run before measuring', integer(0, 86_400), 1)
    .option(
      '--rate <OPS>',
      'the maximum of operations per second (default: no limit)',
      integer(1, 100_000_000),
    )
    .option(
      '--verify',
      'overwrite the whole range with patterns first, and check all that is read, and the whole range at the end',
      false,
    )
    .option('--allow-writes', 'allow this run to overwrite the data in the range', false)
    .addOption(reportOption())
    .action(async (given: Given) => {
      const checked = planOf(given);
      const { ioQueues, depth, polling } = given;
      // The run looks for commands that take too long by itself, which costs less.
      const attach = { ioQueues, queueDepth: Math.max(2, depth), polling, ioTimeoutMs: undefined };
      process.exitCode = await withController(given, attach, async ({ environment, controller, limits }) => {
        const namespace = namespaceOf(controller, given);
        const { offset, length = namespace.bytes - offset } = placeOf(namespace, given);
        const plan = { ...checked, offset, length };
        if (plan.ioSize % namespace.blockSize !== 0) {
          throw new UsageError(
            `--io-size ${plan.ioSize} is not a multiple of the block size, ${namespace.blockSize} bytes`,
          );
        }
        if (plan.ioSize > length)
          throw new UsageError(`--io-size ${plan.ioSize} is more than the range has, ${length} bytes`);
        if (plan.verify) checkPlaces(plan, controller.queuePairs.length);
        // On stderr, which a report on stdout leaves free.
        if (writes(plan)) process.stderr.write(`spdk-nvme: perf overwrites ${rangeText(plan, namespace)}\n`);
        const report = await whileExported(environment, 'perf', () =>
          runPerf(environment, controller, namespace, plan, { ...limits, ioQueues }),
        );
        print(given.outputFormat, report, () => asText(report));
        if (given.report !== undefined) writeHtml(given.report, perfDocument(report));
        return report.findings.length > 0 ? 1 : 0;
      });
    });
}

/** Names the range that a run may write to. */
function rangeText({ offset, length }: IoPlan, { id, bytes }: Namespace): string {
  const whole = length === bytes ? ', the whole namespace' : '';
  return `bytes ${offset} to ${offset + length - 1} of namespace ${id}${whole}`;
}

/** Checks the number of places: each operation with --verify has one of its own, and a table has an entry for each. */
function checkPlaces(plan: IoPlan, queues: number): void {
  const places = placesOf(plan);
  const least = plan.depth * queues;
  if (places >= least && places <= maxPlaces) return;
  throw new UsageError(
    `--length is ${places} times --io-size; --verify takes from ${least} to ${maxPlaces}, at this --depth`,
  );
}

/** @returns the plan but for its range, which needs the namespace */
function planOf(given: Given): Omit<IoPlan, 'offset' | 'length'> {
  checkPlaceOptions(given);
  if (given.readPercent !== undefined && !isMixed(given.workload))
    throw new UsageError(`--read-percent needs a mixed workload, and ${given.workload} is none`);
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

function asText(report: PerfReport): string {
  const { spdk, target, pattern, ioSize, depth, ioQueues, api, polling, latencyUs } = report;
  const ofLatency = (value: number | null) => value?.toFixed(1) ?? '-';
  return [
    `${spdk}, ${target}, namespace ${report.namespaceId}`,
    `${pattern}, ${formatBytes(ioSize)}, depth ${depth} on ${many(ioQueues, 'I/O queue')}, ${api}, ${polling}, ${report.measuredSeconds} s`,
    table(
      ['op/s', 'per second', 'mean µs', 'p50', 'p90', 'p99', 'p99.9', 'max', 'CPU s per million'],
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
    ),
    ...report.findings,
    ...(report.interrupted ? ['Stopped before its time'] : []),
  ].join('\n');
}
