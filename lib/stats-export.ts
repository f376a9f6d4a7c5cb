// The counters of an environment for other processes of the same user, such as `spdk-nvme top`.

import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Environment } from './environment.js';
import {
  type EnvironmentStats,
  type ExportedController,
  type ExportedSubsystem,
  exportedControllers,
  exportedSubsystems,
} from './environment-stats.js';
import { SpdkError } from './errors/spdk-error.js';
import { eventLoop } from './internal/event-loop.js';
import { checkString, readOptions } from './options/arguments.js';

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
  /** The path of the Unix socket. Default: `spdk-nvme-PID.sock` in {@link statsFolder} */
  readonly path?: string | undefined;
  /** What readers call this program. Default: the name of its main file */
  readonly name?: string | undefined;
}

/** An export that is going on. */
export interface StatsExport extends Disposable {
  /** The path of its Unix socket. */
  readonly path: string;
  /** Ends the export and removes the socket. */
  close(): void;
}

/**
 * The folder where processes put their sockets by default: in `XDG_RUNTIME_DIR`, or in a folder of the user in the system's folder
 * for temporary files.
 */
export function statsFolder(): string {
  const { XDG_RUNTIME_DIR } = process.env;
  if (XDG_RUNTIME_DIR) return path.join(XDG_RUNTIME_DIR, 'spdk-nvme');
  return path.join(tmpdir(), `spdk-nvme-${process.getuid?.() ?? 0}`);
}

/**
 * Lets other processes of this user (and root) read the counters of an environment, through a Unix socket with the mode
 * 0600. Nothing can be changed through it. Each connection gets one {@link StatsSnapshot} as a line of JSON. The export
 * does not keep the process alive, and ends with the process at the latest.
 * @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE if there can be no socket at the path
 */
export async function exportStats(
  environment: Environment,
  options?: ExportStatsOptions,
): Promise<StatsExport> {
  const given = readOptions(options, 'exportStats options', ['path', 'name']);
  const wanted = given.has('path') ? checkString(given.get('path'), 'path') : undefined;
  const name = given.has('name')
    ? checkString(given.get('name'), 'name')
    : path.basename(process.argv[1] ?? 'node');
  let file = wanted ?? statsFolder();
  const server = createServer((socket) => respond(socket, environment, name));
  server.unref();
  const remove = () => rmSync(file, { force: true });
  try {
    if (wanted === undefined) {
      file = defaultPath();
      remove(); // Left by an earlier process with the same number.
    }
    server.listen(file);
    await once(server, 'listening');
    chmodSync(file, 0o600);
  } catch (cause) {
    server.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', `The socket cannot be created at ${file} (${why})`, {
      cause,
    });
  }
  process.once('exit', remove);
  const close = () => {
    process.off('exit', remove);
    server.close();
    remove();
  };
  return { path: file, close, [Symbol.dispose]: close };
}

function defaultPath(): string {
  const folder = statsFolder();
  try {
    // Not recursively: that never returns where there can be no folder, as in /proc.
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  // In a folder that all users may write to, another user may have made it.
  if (statSync(folder).uid !== process.getuid?.()) throw new Error(`${folder} belongs to another user`);
  return path.join(folder, `spdk-nvme-${process.pid}.sock`);
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
