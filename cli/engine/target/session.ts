// The environment and the controller that a verb works with, from opening to closing.

import type { Command } from 'commander';
import { type AttachOptions, type Controller, Environment, type LogLine, type TransportId } from 'spdk-nvme';
import { integer } from '../options/numbers.js';
import { attachOptionsOf, type TargetOptions, targetOf } from '../options/target-options.js';
import { type StopSignal, untilStopped } from '../process/stop.js';

/** The time limits of work, a detach and a close after Ctrl-C, while the user waits. */
const STOPPED_WORK_MS = 200;
const STOPPED_DETACH_MS = 600;
const STOPPED_CLOSE_MS = 400;
const DETACH_MS = 5_000;
const DRAIN_MS = 1_000;

export interface SessionOptions extends TargetOptions {
  readonly memory: number;
  readonly verbose: boolean;
}

/** Adds the options of every verb that opens SPDK. */
export function addSessionOptions(command: Command, { memory = 64 } = {}): Command {
  return command
    .option('--memory <MiB>', 'hugepage memory to reserve', integer(64, 1_048_576), memory)
    .option('-v, --verbose', 'print SPDK’s own log lines on stderr', false);
}

export interface Session {
  readonly environment: Environment;
  readonly controller: Controller;
  /** Fires with the first signal that stops the process. */
  readonly signal: AbortSignal;
  /** The limits of every command: `--timeout`, and the signal. */
  readonly limits: { readonly timeoutMs: number; readonly signal: AbortSignal };
}

/**
 * Attaches the controller that the options name, works with it, and always detaches it.
 * @returns the exit status of the work, or that of a signal
 */
export async function withController(
  options: SessionOptions,
  attach: Pick<AttachOptions, 'ioQueues' | 'queueDepth' | 'polling' | 'ioTimeoutMs'>,
  work: (session: Session) => Promise<number | undefined>,
): Promise<number> {
  // First, because wrong options must be reported without waiting for hugepages.
  const id: TransportId = targetOf(options);
  return withEnvironment(options, async (environment, stop) => {
    const controller = await environment.attach(id, {
      ...attachOptionsOf(options),
      ioTimeoutMs: options.timeout,
      ...attach,
      signal: stop.signal,
    });
    const limits = { timeoutMs: options.timeout, signal: stop.signal };
    // Work that waits for a target, a pipe or a terminal must not delay the detach after a signal.
    const working = work({ environment, controller, signal: stop.signal, limits });
    let failed = false;
    try {
      return (await stop.waitFor(working, STOPPED_WORK_MS))?.result ?? 0;
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      // A target that fails the work may fail the detach too; the first failure is the reason.
      await detachNow(controller, stop, options.timeout).catch((error: unknown) => {
        if (!failed) throw error;
      });
    }
  });
}

/** Detaches in the time that the user waits for it. @param timeout the option of that name */
export async function detachNow(controller: Controller, stop: StopSignal, timeout: number): Promise<void> {
  await controller.detach(
    stop.requested
      ? { drainMs: 0, timeoutMs: STOPPED_DETACH_MS }
      : { drainMs: DRAIN_MS, timeoutMs: endMs(timeout) },
  );
}

/** A detach or a close that has to be waited for has the time of a command, but never less than it needs to drain. */
function endMs(timeout: number): number {
  return Math.min(DETACH_MS, Math.max(DRAIN_MS, timeout));
}

/** Opens SPDK for some work and closes it again. @returns the exit status of the work, or that of a signal */
export function withEnvironment(
  { memory, verbose, timeout }: Pick<SessionOptions, 'memory' | 'verbose' | 'timeout'>,
  work: (environment: Environment, stop: StopSignal) => Promise<number>,
): Promise<number> {
  return untilStopped(async (stop) => {
    const opening = Environment.init({
      name: 'spdk-nvme-cli',
      memoryMb: memory,
      logLevel: verbose ? 'notice' : 'error',
    });
    // The kernel may clear a lot of memory for it. The end of the process ends it.
    const opened = await stop.waitFor(opening, STOPPED_WORK_MS);
    if (!opened) return stop.status;
    const environment = opened.result;
    if (verbose)
      environment.on('log', ({ source, message }: LogLine) =>
        process.stderr.write(`${source === '' ? '' : `${source}: `}${message}\n`),
      );
    try {
      const ended = await stop.waitFor(work(environment, stop), STOPPED_WORK_MS + STOPPED_DETACH_MS);
      return ended?.result ?? stop.status;
    } finally {
      // An unresponsive target can outlive the time after a signal; the end of the process closes its connections.
      const timeoutMs = stop.requested ? STOPPED_CLOSE_MS : endMs(timeout);
      await stop.waitFor(environment.close({ timeoutMs }), STOPPED_CLOSE_MS);
    }
  });
}
