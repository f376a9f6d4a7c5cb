// SPDK's own target as a child process.

import fs from 'node:fs';
import { createConnection } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { type TargetListener, type TargetSubsystem, type TransportLimits, targetConfig } from './config.js';
import { ensureHugepages, withHugetlbfs } from './hugepages.js';
import { programRelease, spdkProgram } from './programs.js';

export interface SpdkTargetOptions extends TransportLimits {
  readonly listener: TargetListener;
  readonly subsystems: readonly TargetSubsystem[];
  /** The core of its only reactor, which spins. */
  readonly core?: number | undefined;
  readonly memoryMb?: number | undefined;
  /** The name of the network namespace that it runs in. Default: that of this process. */
  readonly networkNamespace?: string | undefined;
  /** Whether to find the stack of a crash, which needs gdb and room for a core file. */
  readonly wantsStack?: boolean | undefined;
}

/** How a target has ended. */
interface TargetEnd {
  readonly signal: string | undefined;
  readonly exitCode: number | undefined;
  /** Whether it ended by a fault of its own. */
  readonly crashed: boolean;
  /** The stack of a crash, if it was wanted and could be found out. */
  readonly stack: string | undefined;
}

/** A running nvmf_tgt. */
export interface SpdkTarget {
  readonly pid: number;
  /** As programRelease() counts. */
  readonly release: number;
  /** Resolves when it has ended, by whatever cause. */
  readonly ended: Promise<TargetEnd>;
  /** Calls its RPC interface. */
  call(method: string, params: Record<string, unknown>): Promise<unknown>;
  /** Ends it with a signal and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** The hugepage memory that it takes with any configuration: up to v22.05, and later. */
const hugepageMb = { before: 448, since: 640 };
const startLimitMs = 60_000;
const stopLimitMs = 10_000;
const pollMs = 50;
const crashSignals: readonly (string | undefined)[] = ['SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGSEGV'];
/** How much of its output is printed after a crash. */
const lastLines = 40;

/** When the latest target is ready: the next one waits for that. */
let starting: Promise<unknown> = Promise.resolve();

/**
 * Starts SPDK's own NVMe-oF target, from the SPDK of the addon, and waits until it listens. It is a second kind of target
 * beside the kernel's, and over TCP it needs no virtual machine. Of several at a time each waits for the one before it: while
 * DPDK 20.05 starts, it removes and makes a socket of which the machine has one.
 */
export function startSpdkTarget(options: SpdkTargetOptions): Promise<SpdkTarget> {
  const started = starting.then(() => start(options));
  starting = started.catch(() => {});
  return started;
}

async function start(options: SpdkTargetOptions): Promise<SpdkTarget> {
  const { listener, subsystems, core = 0, memoryMb = 128, networkNamespace, wantsStack = false } = options;
  const program = spdkProgram('nvmf_tgt');
  const release = await programRelease(program);
  ensureHugepages(Math.max(memoryMb, release < 2209 ? hugepageMb.before : hugepageMb.since));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-target-'));
  const hugepages = path.join(folder, 'hugepages');
  fs.mkdirSync(hugepages);
  const config = path.join(folder, 'config.json');
  const rpcSocket = path.join(folder, 'rpc.sock');
  fs.writeFileSync(config, targetConfig(listener, subsystems, { ...options, release }));
  const running = run(program, { folder, hugepages, networkNamespace, wantsStack }, [
    ...['-m', `[${core}]`, '-s', String(memoryMb), '-r', rpcSocket],
    // Several targets may use one core, which from v22.09 on the first one would lock.
    ...(release < 2209 ? [] : ['--disable-cpumask-locks']),
    ...['--num-trace-entries', '64', '--no-pci', '--huge-unlink'],
    ...[`--huge-dir=${hugepages}`, '--json', config],
  ]);
  await untilListening(running, listener, rpcSocket);
  return {
    release,
    pid: running.pid,
    ended: running.end.then(({ output: _, ...end }) => end),
    stop: running.stop,
    call: (method, params) => callRpc(rpcSocket, method, params),
  };
}

/** What a target leaves on this machine; it is removed when the target has ended. */
interface Workspace {
  readonly folder: string;
  /** Where it mounts a hugetlbfs. */
  readonly hugepages: string;
  readonly networkNamespace: string | undefined;
  readonly wantsStack: boolean;
}

interface RunningTarget extends Pick<SpdkTarget, 'pid' | 'stop'> {
  readonly hasEnded: () => boolean;
  readonly end: Promise<TargetEnd & { readonly output: string }>;
}

/** Runs the target's program, and cleans up when it has ended. */
function run(
  program: string,
  { folder, hugepages, networkNamespace, wantsStack }: Workspace,
  args: readonly string[],
): RunningTarget {
  const [first, ...rest] = [
    ...(networkNamespace ? ['nsenter', `--net=/run/netns/${networkNamespace}`] : []),
    ...(wantsStack ? ['prlimit', '--core=unlimited'] : []),
    // A test that is killed leaves neither a target that spins nor hugepages in use.
    ...['setpriv', '--pdeathsig', 'KILL', ...withHugetlbfs(hugepages)],
    program,
  ];
  const child = execa(first as string, [...rest, ...args], {
    stdin: 'ignore',
    all: true,
    reject: false,
    cleanup: true,
    ...(wantsStack ? { cwd: folder } : {}),
  });
  let ended = false;
  const end = child.then(async ({ signal, exitCode, all: output }) => {
    ended = true;
    const crashed = crashSignals.includes(signal);
    if (crashed) {
      const last = output.split('\n').slice(-lastLines).join('\n');
      console.error(`nvmf_tgt ${child.pid} ended by ${signal}. The end of its output:\n${last}`);
    }
    const stack = wantsStack ? await stackIn(folder, program) : undefined;
    // The target's trace buffer, 130 MB of memory, which it removes only when it ends by itself.
    fs.rmSync(`/dev/shm/nvmf_trace.pid${child.pid}`, { force: true });
    fs.rmSync(folder, { recursive: true, force: true });
    return { signal, exitCode, crashed, stack, output };
  });
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
    await end;
    clearTimeout(timer);
  };
  return { pid: child.pid as number, hasEnded: () => ended, end, stop };
}

/** Waits until a target listens. Stops it if it does not, within the limit. */
async function untilListening(
  target: RunningTarget,
  listener: TargetListener,
  rpcSocket: string,
): Promise<void> {
  const deadline = performance.now() + startLimitMs;
  // All of the configuration is done when the RPC server responds, the last subsystem's listener too.
  while (!(fs.existsSync(rpcSocket) && (await responds(rpcSocket)) && (await listens(listener)))) {
    if (target.hasEnded() || performance.now() > deadline) {
      await target.stop('SIGKILL');
      const { output } = await target.end;
      throw new Error(
        `nvmf_tgt does not listen on ${listener.traddr}:${listener.trsvcid}. Its output:\n${output}`,
      );
    }
    await sleep(pollMs);
  }
}

/** Whether the RPC server responds: in newer releases (seen: v24.09) its socket is there long before. */
function responds(rpcSocket: string): Promise<boolean> {
  const response = callRpc(rpcSocket, 'rpc_get_methods', {}).then(
    () => true,
    () => false,
  );
  return Promise.race([response, sleep(startLimitMs, false, { ref: false })]);
}

/** The stack in a core file, if the kernel writes such files into the folder of the program. */
async function stackIn(folder: string, program: string): Promise<string | undefined> {
  const core = fs.readdirSync(folder).find((name) => name.startsWith('core'));
  if (core === undefined) return undefined;
  const args = ['-batch', '-ex', 'bt', program, path.join(folder, core)];
  const { stdout = '' } = await execa('gdb', args, { reject: false });
  const frames = stdout.split('\n').filter((line) => line.startsWith('#'));
  // gdb prints the innermost frame a second time.
  return frames.slice(frames.findLastIndex((line) => line.startsWith('#0 '))).join('\n');
}

/** Makes one call of JSON-RPC 2.0 over a Unix socket. */
function callRpc(socketPath: string, method: string, params: Record<string, unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath);
    let text = '';
    socket.setEncoding('utf8').on('data', (part) => {
      text += part;
      let response: { result?: unknown; error?: { message: string } };
      try {
        response = JSON.parse(text);
      } catch {
        return; // the rest is to come
      }
      socket.destroy();
      if (response.error) reject(new Error(`${method}: ${response.error.message}`));
      else resolve(response.result);
    });
    socket.on('error', reject).on('close', () => reject(new Error(`${method}: no response`)));
    socket.write(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  });
}

/** Whether the target listens by now. An RDMA listener shows in the list of connection manager ids. */
async function listens({ trtype, traddr, trsvcid }: TargetListener): Promise<boolean> {
  if (trtype === 'RDMA') {
    const { stdout } = await execa('rdma', ['resource', 'show', 'cm_id'], { reject: false });
    return stdout.split('\n').some((line) => line.includes('LISTEN') && line.includes(`:${trsvcid} `));
  }
  return new Promise((resolve) => {
    const socket = createConnection({ host: traddr, port: Number(trsvcid) });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
