/** An operation that has not settled by its own deadline. */
export class NotSettled extends Error {
  static readonly CODE = 'NO_ANSWER';
  readonly code = NotSettled.CODE;
}

/** The operation's result, or {@link NotSettled} if it has not settled after `limitMs`. */
export async function settled<Result>(
  what: string,
  limitMs: number,
  operation: Promise<Result>,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const alarm = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NotSettled(`${what} has not settled after ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([operation, alarm]);
  } finally {
    clearTimeout(timer);
  }
}
