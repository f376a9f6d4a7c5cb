import type { Command } from 'commander';
import { type Controller, Environment, type LogLine, type PollingMode, type TransportId } from 'spdk-nvme';
import { integer } from './numbers.js';
import { StopSignal } from './stop.js';
import { attachOptionsOf, type TargetOptions, targetOf } from './target-options.js';

/** The time limit of a detach and a close after Ctrl-C, while the user waits. */
const STOPPED_DETACH_MS = 1_000;
const STOPPED_CLOSE_MS = 500;
const DETACH_MS = 5_000;

export interface SessionOptions extends TargetOptions {
  readonly memory: number;
  readonly verbose: boolean;
}

/** Adds the options of every verb that opens SPDK. */
export function addSessionOptions(command: Command): Command {
  return command
    .option('--memory <MiB>', 'hugepage memory to reserve', integer(64, 1_048_576), 64)
    .option('-v, --verbose', 'print SPDK’s own log lines on stderr', false);
}

export interface Session {
  readonly environment: Environment;
  readonly controller: Controller;
  /** Fires with the first signal that stops the process. */
  readonly signal: AbortSignal;
}

/**
 * Attaches the controller that the options name, works with it, and always detaches it.
 * @returns the exit status of the work, or that of a signal
 */
export async function withController(
  options: SessionOptions,
  attach: { ioQueues?: number; queueDepth?: number; polling?: PollingMode },
  work: (session: Session) => Promise<number | undefined>,
): Promise<number> {
  // First, because wrong options must be reported without waiting for hugepages.
  const id: TransportId = targetOf(options);
  return withEnvironment(options, async (environment, stop) => {
    const controller = await environment.attach(id, {
      ...attachOptionsOf(options),
      ...attach,
      signal: stop.signal,
    });
    try {
      return (await work({ environment, controller, signal: stop.signal })) ?? 0;
    } finally {
      const timeoutMs = stop.requested ? STOPPED_DETACH_MS : DETACH_MS;
      await controller.detach({ drainMs: stop.requested ? 0 : 1_000, timeoutMs });
    }
  });
}

/** Opens SPDK for some work and closes it again. */
export async function withEnvironment(
  { memory, verbose }: Pick<SessionOptions, 'memory' | 'verbose'>,
  work: (environment: Environment, stop: StopSignal) => Promise<number>,
): Promise<number> {
  const stop = new StopSignal();
  const environment = await Environment.init({
    name: 'spdk-nvme-cli',
    memoryMb: memory,
    logLevel: verbose ? 'notice' : 'error',
  });
  if (verbose)
    environment.on('log', (line: LogLine) => process.stderr.write(`${line.source}: ${line.message}\n`));
  try {
    const status = await work(environment, stop);
    return stop.status || status;
  } catch (error) {
    if (stop.requested) return stop.status;
    throw error;
  } finally {
    await environment.close({ timeoutMs: stop.requested ? STOPPED_CLOSE_MS : DETACH_MS });
  }
}
