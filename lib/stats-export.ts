// The counters of an environment for other processes of the same user, such as `spdk-nvme top`.

import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { threadId } from 'node:worker_threads';
import { Environment, type SharedEnvironment } from './environment.js';
import {
  type EnvironmentStats,
  type ExportedController,
  type ExportedSubsystem,
  exportedControllers,
  exportedSubsystems,
} from './environment-stats.js';
import { SpdkError } from './errors/spdk-error.js';
import { dispose } from './internal/disposal.js';
import { eventLoop } from './internal/event-loop.js';
import { checkString, notOne, readOptions } from './options/arguments.js';
import { EnvironmentShare } from './shared-environment.js';

/** One reading of an exported environment: what a client gets, as one line of JSON. */
export interface StatsSnapshot extends Pick<EnvironmentStats, 'memory' | 'pollers' | 'discoveryConnections'> {
  /** Increases when a field changes its meaning. */
  readonly schema: 1;
  readonly pid: number;
  /** `name` of the options. */
  readonly program: string;
  /** When it was read, in milliseconds of a clock that only moves forwards. */
  readonly monotonicMs: number;
  readonly controllers: readonly ExportedController[];
  /** Their controllers are among `controllers`. */
  readonly subsystems: readonly ExportedSubsystem[];
}

/** The options of {@link exportStats}. */
export interface ExportStatsOptions {
  /**
   * The path of the Unix socket. Default: in {@link statsFolder}, `spdk-nvme-PID.sock` in the main thread, and
   * `spdk-nvme-PID-THREAD.sock` in another one; a further export at the same time also has a number, as in `spdk-nvme-PID-THREAD-2.sock`,
   * and so has one where a process with the same number has the name, as in another container that shares the folder.
   */
  readonly path?: string | undefined;
  /** What readers call this program. Default: the name of its main file. */
  readonly name?: string | undefined;
}

/** An active export. */
export interface StatsExport extends Disposable {
  /** The path of its Unix socket. */
  readonly path: string;
  /** Ends the export and removes the socket. */
  close(): void;
}

/**
 * The folder where processes put their sockets by default: in `XDG_RUNTIME_DIR`, or in a folder of the user in the system's folder
 * for temporary files. `su` and `sudo -E` keep the variable of another user, which does not count.
 */
export function statsFolder(): string {
  const { XDG_RUNTIME_DIR } = process.env;
  if (XDG_RUNTIME_DIR && !isOfAnotherUser(XDG_RUNTIME_DIR)) return path.join(XDG_RUNTIME_DIR, 'spdk-nvme');
  return path.join(tmpdir(), `spdk-nvme-${process.getuid?.() ?? 0}`);
}

function isOfAnotherUser(folder: string): boolean {
  try {
    return statSync(folder).uid !== process.getuid?.();
  } catch {
    return false;
  }
}

/** The paths by default that exports of this thread have now, or are about to have. */
const taken = new Set<string>();
/** The sockets of this thread's exports. */
const sockets = new Set<string>();
/** One listener for all of them: Node.js takes many for a leak. */
const removeSockets = () => {
  for (const file of sockets) removeSocket(file);
};

function addSocket(file: string): void {
  if (sockets.size === 0) process.once('exit', removeSockets);
  sockets.add(file);
}

function removeSocket(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // The program has given up its rights since. Readers find that nobody listens there, and the next export replaces it.
  }
  sockets.delete(file);
  if (sockets.size === 0) process.off('exit', removeSockets);
}

/**
 * Lets other processes of this user (and root) read the counters of an environment, through a Unix socket with the mode
 * 0600. Nothing can be changed through it. Each connection gets one {@link StatsSnapshot} as a line of JSON. The export
 * does not keep the process alive. It ends when the environment is closed, and with its thread at the latest.
 * @param environment or a share of it; the export then lasts as long as the environment, and not only as long as the share
 * @throws {SpdkTypeError} neither of them
 * @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE if there can be no socket at the path
 */
export async function exportStats(
  environment: Environment | SharedEnvironment,
  options?: ExportStatsOptions,
): Promise<StatsExport> {
  const exported = environmentOf(environment);
  const given = readOptions(options, 'exportStats options', ['path', 'name']);
  // Absolute, because the program may change its folder before the socket is removed.
  const wanted = given.has('path') ? path.resolve(checkString(given.get('path'), 'path')) : undefined;
  const name = given.has('name')
    ? checkString(given.get('name'), 'name')
    : path.basename(process.argv[1] ?? 'node');
  let file = wanted ?? statsFolder();
  const server = createServer((socket) => respond(socket, exported, name));
  server.unref();
  // A reader that cannot be accepted, for lack of descriptors for example, tries again.
  server.on('error', () => {});
  try {
    if (wanted === undefined) file = await listenInFolder(server, makeFolder());
    else await listen(server, wanted);
    chmodSync(file, 0o600);
  } catch (cause) {
    server.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', `The socket cannot be created at ${file} (${why})`, {
      cause,
    });
  }
  addSocket(file);
  const close = () => {
    // Once: another export may have taken the path since.
    if (!server.listening) return;
    exported.ends.delete(close);
    server.close();
    removeSocket(file);
    taken.delete(file);
  };
  exported.ends.add(close);
  // It may have been closed since the beginning of this call.
  if (exported.closed) close();
  return { path: file, close, [dispose]: close };
}

function makeFolder(): string {
  const folder = statsFolder();
  try {
    // Not recursively: that never returns where there can be no folder, as in /proc.
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  // In a folder that all users may write to, another user may have made it.
  if (statSync(folder).uid !== process.getuid?.()) throw new Error(`${folder} belongs to another user`);
  return folder;
}

/** Listens at the first name that no export has. @returns its path */
async function listenInFolder(server: Server, folder: string): Promise<string> {
  for (let number = 1; ; number++) {
    const thread = threadId === 0 && number === 1 ? '' : `-${threadId}`;
    const name = `spdk-nvme-${process.pid}${thread}${number === 1 ? '' : `-${number}`}.sock`;
    const file = path.join(folder, name);
    if (taken.has(file)) continue;
    taken.add(file);
    try {
      // One that was left by an earlier process with the same number; not that of a process in another container.
      if (await isLeft(file)) rmSync(file, { force: true });
      await listen(server, file);
      return file;
    } catch (error) {
      taken.delete(file);
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

async function listen(server: Server, file: string): Promise<void> {
  // In a worker of node:cluster the primary process would listen for it, and keep the socket after the worker.
  server.listen({ path: file, exclusive: true });
  await once(server, 'listening');
}

/** Whether no process listens at a path, if there is something. */
function isLeft(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file);
    const end = (left: boolean) => {
      socket.destroy();
      resolve(left);
    };
    socket.once('connect', () => end(false));
    socket.on('error', ({ code }: NodeJS.ErrnoException) => end(code === 'ECONNREFUSED'));
  });
}

function environmentOf(value: unknown): Environment {
  const environment = EnvironmentShare.isOne(value) ? value.environment : value;
  if (Environment.isOne(environment)) return environment;
  throw notOne(
    'environment must be one of Environment.init(), or a share of Environment.shared()',
    value,
    Environment,
    EnvironmentShare,
  );
}

function respond(socket: Socket, environment: Environment, program: string): void {
  // A client that goes away early is no error of this process.
  socket.on('error', () => socket.destroy());
  socket.unref();
  if (environment.closed) {
    socket.destroy();
    return;
  }
  const { memory, pollers, controllers, discoveryConnections } = environment.stats();
  const snapshot: StatsSnapshot = {
    schema: 1,
    pid: process.pid,
    program,
    monotonicMs: eventLoop.timeOrigin + eventLoop.now(),
    memory,
    pollers,
    controllers: exportedControllers(controllers),
    subsystems: exportedSubsystems(environment.subsystems),
    discoveryConnections,
  };
  socket.end(`${JSON.stringify(snapshot)}\n`);
}
