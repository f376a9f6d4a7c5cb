// The end of a process whose output goes to a pipe: Node.js writes to pipes in the background, and process.exit() drops the rest.

/** After a signal, a reader that has stopped must not keep the process. */
const stoppedLimitMs = 1_000;

/** Resolves when stdout and stderr have passed on what was written to them, or after the limit. */
async function written(limitMs: number | undefined): Promise<void> {
  const all = [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.write('', () => resolve())),
  );
  const limit = limitMs === undefined ? [] : [new Promise((resolve) => setTimeout(resolve, limitMs))];
  await Promise.race([Promise.all(all), ...limit]);
}

/** Ends this process when its output is written, whatever else is outstanding. */
export async function exitWhenWritten(status: number): Promise<never> {
  await written(status > 128 ? stoppedLimitMs : undefined);
  process.exit(status);
}
