import { execa } from 'execa';

export interface GroupOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Whether it gets this process's environment too. */
  readonly extendEnv?: boolean;
}

/**
 * Runs a program in a process group of its own, all of which the signal ends. Compilers would go on without the build that started them;
 * they have its output too, so that it would seem to run until they end.
 */
export async function runGroup(
  file: string,
  args: readonly string[],
  signal: AbortSignal,
  options: GroupOptions = {},
) {
  signal.throwIfAborted();
  const program = execa(file, args, {
    ...options,
    stdin: 'ignore',
    all: true,
    reject: false,
    detached: true,
  });
  const end = () => killGroup(program.pid, 'SIGTERM');
  signal.addEventListener('abort', end, { once: true });
  try {
    return await program;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** @param leader nothing if it could not be started */
export function killGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (leader !== undefined) process.kill(-leader, signal);
  } catch {
    // All of it has ended.
  }
}
