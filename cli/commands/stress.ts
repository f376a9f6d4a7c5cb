// The verb that attaches and detaches in loops.

import path from 'node:path';
import { type Command, Option } from 'commander';
import { formatTransportId } from 'spdk-nvme';
import { writableFile } from '../engine/files/named-files.js';
import { rdmaDevice } from '../engine/options/identifiers.js';
import { integer } from '../engine/options/numbers.js';
import { addTargetOptions, attachOptionsOf, targetsOf } from '../engine/options/target-options.js';
import { UsageError } from '../engine/process/exit.js';
import { encodeMessage, type Message } from '../engine/process/messages.js';
import { type StopSignal, untilStopped } from '../engine/process/stop.js';
import { addSessionOptions, type SessionOptions } from '../engine/target/session.js';
import { addOutputOption, type OutputOptions, print } from '../engine/terminal/output.js';
import { progressView } from '../engine/terminal/progress.js';
import { reportedIfStopped, reportOption, writeReports } from '../report/option.js';
import { stressDocument } from '../report/stress.js';
import { runStress } from '../workloads/stress.js';
import type { StressOptions } from '../workloads/stress-options.js';
import { findings, type StressReport, statusOf } from '../workloads/stress-report.js';
import { renderReport } from '../workloads/stress-table.js';

const DEFAULT_LOOPS = 100;
/** Enough for an emulated processor that is shared with others. */
const DEFAULT_TIMEOUT_MS = 10_000;
/** Enough for many controllers: memory that is added during the run would count as a leak. */
const DEFAULT_MEMORY_MB = 256;

/** Options of the loops on any target. */
export interface LoopOptions {
  readonly loops?: number;
  readonly seconds?: number;
  readonly pollers: number;
  readonly ioQueues: number;
  readonly reads: boolean;
}

export function addLoopOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--loops <N>', 'the number of times to attach and detach all controllers')
        .argParser(integer(1, 10_000_000))
        .default(DEFAULT_LOOPS)
        .conflicts('seconds'),
    )
    .option('--seconds <S>', 'run for this time instead of a number of loops', integer(1, 7 * 86_400))
    .option('--pollers <P>', 'poller threads', integer(1, 64), 2)
    .option('--io-queues <Q>', 'I/O queues of each controller', integer(1, 64), 2)
    .option('--reads', 'detach while reads are in flight', false);
}

/** `--seconds` replaces the default number of loops. */
export function extentOf({ loops, seconds }: LoopOptions): Pick<StressOptions, 'loops' | 'seconds'> {
  return seconds === undefined ? { loops } : { seconds };
}

interface Given extends LoopOptions, SessionOptions, OutputOptions {
  readonly rdmaDevice?: string;
  readonly json?: string;
  readonly report?: string;
  readonly messages: boolean;
}

export function addStress(program: Command): void {
  const command = addTargetOptions(addLoopOptions(program.command('stress')), {
    several: true,
    timeoutMs: DEFAULT_TIMEOUT_MS,
  });
  addOutputOption(addSessionOptions(command, { memory: DEFAULT_MEMORY_MB }))
    .description(
      'Attach and detach controllers in loops, and report hangs, failures and leaks. It never writes, and ' +
        'does not affect connections of other hosts. Several subsystems are attached at the same time.',
    )
    .option('--rdma-device <NAME>', 'count this RDMA device’s resources before and after', rdmaDevice)
    .option('--json <FILE>', 'write the report to this file as JSON', writableFile)
    .addOption(reportOption())
    .addOption(
      new Option('--messages', 'print everything as JSON lines on stdout')
        .default(false)
        .conflicts('outputFormat')
        .hideHelp(),
    )
    .addHelpText(
      'after',
      '\nExit status: 0 every loop completed without a hang or a leak, 1 otherwise,\n  2 bad arguments, 130 Ctrl-C.',
    )
    .action(async (given: Given) => {
      process.exitCode = await stress(given);
    });
}

async function stress(given: Given): Promise<number> {
  if (given.json !== undefined && given.report !== undefined && isSame(given.json, given.report))
    throw new UsageError('--json and --report name the same file');
  const targets = targetsOf(given);
  if (given.rdmaDevice !== undefined && targets.every(({ trtype }) => trtype !== 'RDMA'))
    throw new UsageError('--rdma-device needs a target with the transport RDMA');
  const { timeoutMs: _, ...attach } = attachOptionsOf(given);
  const options: StressOptions = {
    ...extentOf(given),
    pollers: given.pollers,
    ioQueues: given.ioQueues,
    memoryMb: given.memory,
    verbose: given.verbose,
    reads: given.reads,
    limitMs: given.timeout,
    attach,
    transportIds: targets.map((id) => formatTransportId(id)),
    rdmaDevice: given.rdmaDevice,
  };
  return untilStopped((stop) => runAndReport(given, options, stop));
}

async function runAndReport(given: Given, options: StressOptions, stop: StopSignal): Promise<number> {
  const report = given.messages
    ? await runStress(options, stop, (message) => process.stdout.write(encodeMessage(message)))
    : await runWithProgress(options, stop);
  const found = { ...report, findings: findings(report) };
  if (given.messages) process.stdout.write(encodeMessage({ type: 'report', report }));
  else print(given.outputFormat, found, () => renderReport(report).trimEnd());
  const { signal } = stop;
  const written = writeReports(given.json, found, given.report, stressDocument(report), signal);
  await reportedIfStopped(written, signal);
  return statusOf(report);
}

function isSame(one: string, other: string): boolean {
  return path.resolve(one) === path.resolve(other);
}

async function runWithProgress(options: StressOptions, stop: StopSignal): Promise<StressReport> {
  const view = progressView(options, process.stderr);
  const show = (message: Message<StressReport>) => {
    if (message.type === 'progress') view.update(message);
    else if (message.type === 'note') view.write(`${message.text}\n`);
  };
  try {
    return await runStress(options, stop, show);
  } finally {
    view.end();
  }
}
