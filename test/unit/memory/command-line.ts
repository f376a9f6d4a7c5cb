// Runs verbs of the command line in this process, on the simulation.

import { vi } from 'vitest';
import { run } from '../../../cli/program.js';

// Each run listens to signals.
process.setMaxListeners(0);
process.stdout.setMaxListeners(0);

export interface Ended {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** @param onError gets what is written to stderr, in the moment in which it is */
export async function runVerb(
  words: readonly string[],
  onError: (text: string) => void = () => {},
): Promise<Ended> {
  const stdout: Buffer[] = [];
  const stderr: string[] = [];
  const writeErr = (text: string) => {
    stderr.push(text);
    onError(text);
  };
  const spies = [
    vi
      .spyOn(process.stdout, 'write')
      .mockImplementation((data) => stdout.push(Buffer.from(data as string)) > 0),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      writeErr(String(text));
      return true;
    }),
  ];
  try {
    const status = await run(words, { writeOut: () => {}, writeErr });
    return { status, stdout: Buffer.concat(stdout), stderr: stderr.join('') };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
