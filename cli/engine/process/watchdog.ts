/** An operation that has not settled by its own deadline. */
export class NotSettled extends Error {
  static readonly CODE = 'NO_ANSWER';
  readonly code = NotSettled.CODE;
}

/** An alarm that rings later than this was kept back: the whole process was stopped, as by Ctrl-Z, and the operation with it. */
const keptBackMs = 500;
/** How long it then waits once more. */
const graceMs = 2_000;

/** The operation's result, or {@link NotSettled} if it has not settled after `limitMs`. */
export async function settled<Result>(
  what: string,
  limitMs: number,
  operation: Promise<Result>,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const alarm = new Promise<never>((_, reject) => {
    const end = performance.now() + limitMs;
    const ring = () => reject(new NotSettled(`${what} has not settled after ${limitMs} ms`));
    timer = setTimeout(() => {
      if (performance.now() - end < keptBackMs) ring();
      else timer = setTimeout(ring, graceMs);
    }, limitMs);
  });
  try {
    return await Promise.race([operation, alarm]);
  } finally {
    clearTimeout(timer);
  }
}
