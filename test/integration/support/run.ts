import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Runs a program of the fabric and gives its standard output. One that does not end fails the test. */
export async function run(command: string, args: readonly string[], input = ''): Promise<string> {
  const running = execute(command, args, { timeout: 20_000 });
  running.child.stdin?.end(input);
  return (await running).stdout;
}
