import type { ChildProcess } from 'node:child_process';
import { onTestFinished } from 'vitest';

type Killable = Pick<ChildProcess, 'kill' | 'once'>;

/**
 * Kills a process at the end of the test that has started it, and waits until it is gone: one that outlives a test that failed would fail the
 * next ones.
 */
export function killedAtEnd<Child extends Killable>(child: Child): Child {
  const gone = new Promise<unknown>((resolve) => {
    child.once('exit', resolve);
    child.once('error', resolve);
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  return child;
}
