import { mkdir, realpath } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { likelyAccelerator, rememberKvmRefusal } from './accelerator.js';
import { FabricError } from './errors.js';
import { Guest } from './guest.js';
import { jobScript, passedEnvironment } from './job.js';
import { fabricFiles } from './prepare.js';
import type { Accelerator, MachineOptions } from './qemu.js';
import { StopRequests } from './stop.js';

export interface FabricRunOptions {
  /** Where the command runs; default the current folder. */
  cwd?: string | undefined;
  /** Variables beside those passed by themselves (PATH, HOME, TERM, NODE_*, SPDK_*, ...; see job.ts). */
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
  /** Gets a line for each step worth telling. */
  report?: ((line: string) => void) | undefined;
}

export const OUTPUT_VARIABLE = 'SPDK_NVME_FABRIC_OUTPUT';

const DEFAULT_MEMORY_MB = 3072;
const DEFAULT_CPUS = 2;
const DEFAULT_HUGEPAGES = 256;
/** With hardware virtualisation the guest is up in a second or two; later means that it does not run at all. */
const BOOT_LIMIT_MS = { kvm: 15_000, tcg: 120_000 } as const;
/** For a command to clean up after SIGINT or SIGTERM. */
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
    return await runInVm(command, options, stops);
  } finally {
    stops.dispose();
  }
}

async function runInVm(
  command: readonly string[],
  options: FabricRunOptions,
  stops: StopRequests,
): Promise<number> {
  const report = options.report ?? (() => {});
  const outputDir = options.outputDir && (await ownFolder(options.outputDir));
  const env = {
    ...passedEnvironment(process.env),
    ...options.env,
    ...(outputDir ? { [OUTPUT_VARIABLE]: outputDir } : {}),
    // In the guest the fabric is the machine's own: a script that asks for it there gets it without another guest.
    SPDK_NVME_FABRIC: 'host',
  };
  const script = jobScript(command, options.cwd ?? process.cwd(), env, options.tty);
  const machine: Omit<MachineOptions, 'accelerator'> = {
    ...(await fabricFiles(report)),
    memoryMb: options.memoryMb ?? DEFAULT_MEMORY_MB,
    cpus: options.cpus ?? DEFAULT_CPUS,
    hugepages: options.hugepages ?? DEFAULT_HUGEPAGES,
    share: outputDir || undefined,
    stdin: options.stdin !== undefined,
    tty: options.tty !== undefined,
  };
  const guest = await bootedGuest(machine, stops, report);
  if (!guest) return stops.first?.status ?? 1;
  try {
    return await supervised(guest, script, options, stops);
  } finally {
    await guest.kill();
  }
}

async function ownFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  return realpath(path);
}

/** A guest with the fabric up, or nothing when the run was stopped before that. */
async function bootedGuest(
  machine: Omit<MachineOptions, 'accelerator'>,
  stops: StopRequests,
  report: (line: string) => void,
): Promise<Guest | undefined> {
  const start = async (accelerator: Accelerator): Promise<Guest | undefined> => {
    if (stops.first) return undefined;
    const started = performance.now();
    const guest = new Guest({ ...machine, accelerator });
    const stopped = new Promise<undefined>((resolve) => stops.each(() => resolve(undefined)));
    try {
      const times = await Promise.race([guest.ready(BOOT_LIMIT_MS[accelerator]), stopped]);
      if (times) {
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        report(`Fabric up after ${seconds} s (${accelerator}, guest ${times.join(' ')})`);
        return guest;
      }
    } catch (error) {
      await guest.kill();
      throw error;
    }
    await guest.kill();
    return undefined;
  };
  const accelerator = await likelyAccelerator();
  if (accelerator === 'tcg') return start('tcg');
  try {
    return await start('kvm');
  } catch {
    report('KVM does not run the guest on this machine; it is emulated from now on');
    const guest = await start('tcg');
    if (guest) await rememberKvmRefusal();
    return guest;
  }
}

/** Runs the command and sees to its end: signals are passed on, and after a time of grace nothing is waited for. */
async function supervised(
  guest: Guest,
  script: string,
  options: FabricRunOptions,
  stops: StopRequests,
): Promise<number> {
  const { deadlineMs, stdin } = options;
  let deadline: NodeJS.Timeout | undefined;
  let grace: NodeJS.Timeout | undefined;
  const ended = guest.run(script, {
    stdout: options.stdout ?? process.stdout,
    stderr: options.stderr ?? process.stderr,
    stdin,
    tty: options.tty !== undefined,
  });
  const forced = new Promise<number>((resolve) => {
    let requests = 0;
    stops.each(({ signal, status }) => {
      requests += 1;
      // A second Ctrl-C means now.
      if (requests > 1) return resolve(stops.first?.status ?? status);
      guest.signal(signal);
      grace = setTimeout(() => resolve(status), GRACE_MS);
    });
    if (deadlineMs !== undefined) {
      deadline = setTimeout(() => {
        options.report?.(
          `The command did not end within ${deadlineMs / 1000} s. Console:\n${guest.consoleTail()}`,
        );
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
