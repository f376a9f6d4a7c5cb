import { onTestFinished } from 'vitest';

/** Kills a process at the end of the test that has started it: one that outlives a test that failed would fail the next ones. */
export function killedAtEnd<Child extends { kill(signal: NodeJS.Signals): boolean }>(child: Child): Child {
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
