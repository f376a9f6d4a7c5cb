// Runs one command on the fabric, in a virtual machine or on this one.

import { mkdir, realpath } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { bootGuest } from './boot.js';
import { FabricError } from './errors.js';
import { hostRunner } from './host.js';
import { jobScript, passedEnvironment } from './job.js';
import { type FabricMode, fabricMode } from './mode.js';
import { fabricFiles } from './prepare.js';
import type { MachineOptions } from './qemu.js';
import type { Runner } from './runner.js';
import { StopRequests } from './stop.js';

export interface FabricRunOptions {
  /** Where the command runs; default the current folder. */
  cwd?: string | undefined;
  /** Variables in addition to those that are always passed (PATH, HOME, TERM, NODE_*, SPDK_*, ...; see job.ts). */
  env?: Record<string, string> | undefined;
  /** The command gets SIGTERM this long after its start, and is ended for good five seconds later; status 124. Default: none. */
  deadlineMs?: number | undefined;
  memoryMb?: number | undefined;
  cpus?: number | undefined;
  /** Number of 2 MiB pages. */
  hugepages?: number | undefined;
  stdin?: Readable | undefined;
  stdout?: Writable | undefined;
  stderr?: Writable | undefined;
  /** Gives the command a terminal, in which stdout and stderr are one. Needs `stdin`. */
  tty?: { rows: number; columns: number } | undefined;
  /** Aborting it ends the command as the deadline does, with status 143. */
  signal?: AbortSignal | undefined;
  /** The one folder of the host that the command can write to; it finds its name in SPDK_NVME_FABRIC_OUTPUT. */
  outputDir?: string | undefined;
  /** Receives a line for each important step. */
  report?: ((line: string) => void) | undefined;
}

const OUTPUT_VARIABLE = 'SPDK_NVME_FABRIC_OUTPUT';

const DEFAULT_MEMORY_MB = 3072;
const DEFAULT_CPUS = 2;
const DEFAULT_HUGEPAGES = 256;
/** The time for a command to clean up after SIGINT or SIGTERM. */
const GRACE_MS = 5_000;
const DEADLINE_STATUS = 124;

/** Runs a command on the fabric and resolves with its exit status, 128+n when signal n ended it. */
export async function runInFabric(
  command: readonly string[],
  options: FabricRunOptions = {},
): Promise<number> {
  if (command.length === 0) throw new FabricError('No command to run on the fabric');
  const stops = new StopRequests(options.signal);
  try {
    return await runOn(await fabricMode(), command, options, stops);
  } finally {
    stops.dispose();
  }
}

async function runOn(
  mode: FabricMode,
  command: readonly string[],
  options: FabricRunOptions,
  stops: StopRequests,
): Promise<number> {
  const outputDir = options.outputDir && (await ownFolder(options.outputDir));
  const env = {
    ...passedEnvironment(process.env),
    ...options.env,
    ...(outputDir ? { [OUTPUT_VARIABLE]: outputDir } : {}),
    // Programs that the command starts are already on the fabric.
    SPDK_NVME_FABRIC: mode.kind === 'host' && mode.device ? `host:${mode.device}` : 'host',
  };
  const script = jobScript(
    command,
    options.cwd ?? process.cwd(),
    env,
    mode.kind === 'vm' ? options.tty : undefined,
  );
  const runner =
    mode.kind === 'host'
      ? await hostRunner(mode.device, options.hugepages ?? DEFAULT_HUGEPAGES)
      : await vmRunner(options, outputDir || undefined, stops);
  if (!runner) return stops.first?.status ?? 1;
  try {
    return await supervised(runner, script, options, stops);
  } finally {
    await runner.close();
  }
}

async function vmRunner(
  options: FabricRunOptions,
  share: string | undefined,
  stops: StopRequests,
): Promise<Runner | undefined> {
  const report = options.report ?? (() => {});
  const machine: Omit<MachineOptions, 'accelerator'> = {
    ...(await fabricFiles(report)),
    memoryMb: options.memoryMb ?? DEFAULT_MEMORY_MB,
    cpus: options.cpus ?? DEFAULT_CPUS,
    hugepages: options.hugepages ?? DEFAULT_HUGEPAGES,
    share,
    stdin: options.stdin !== undefined,
    tty: options.tty !== undefined,
  };
  return bootGuest(machine, stops, report);
}

async function ownFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  return realpath(path);
}

/** Runs the command to its end: signals are passed on, and after a grace period it is ended. */
async function supervised(
  runner: Runner,
  script: string,
  options: FabricRunOptions,
  stops: StopRequests,
): Promise<number> {
  const { deadlineMs, stdin } = options;
  let deadline: NodeJS.Timeout | undefined;
  let grace: NodeJS.Timeout | undefined;
  const ended = runner.run(script, {
    stdout: options.stdout ?? process.stdout,
    stderr: options.stderr ?? process.stderr,
    stdin,
    tty: options.tty !== undefined,
  });
  const forced = new Promise<number>((resolve) => {
    let requests = 0;
    stops.each(({ signal, status }) => {
      requests += 1;
      // A second Ctrl-C ends the run immediately.
      if (requests > 1) return resolve(stops.first?.status ?? status);
      runner.signal(signal);
      grace = setTimeout(() => resolve(status), GRACE_MS);
    });
    if (deadlineMs !== undefined) {
      deadline = setTimeout(() => {
        options.report?.(`The command did not end within ${deadlineMs / 1000} s. ${runner.diagnosis()}`);
        stops.request({ signal: 'TERM', status: DEADLINE_STATUS, always: true });
      }, deadlineMs);
    }
  });
  try {
    const status = await Promise.race([ended, forced]);
    return stops.first?.always ? stops.first.status : status;
  } finally {
    clearTimeout(deadline);
    clearTimeout(grace);
    ended.catch(() => {});
  }
}
