import { execa } from 'execa';

/** Runs a program of the fabric and gives its standard output. One that does not end fails the test. */
export async function run(command: string, args: readonly string[], input?: string): Promise<string> {
  // A program may end before it has read its input; execa does not count that as a failure.
  const given = input === undefined ? { stdin: 'ignore' as const } : { input };
  const { stdout } = await execa(command, args, { ...given, timeout: 45_000, stripFinalNewline: false });
  return stdout;
}
