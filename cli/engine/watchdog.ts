/** An operation that has not settled by its own deadline. */
export class AnswerMissing extends Error {
  static readonly CODE = 'NO_ANSWER';
  readonly code = AnswerMissing.CODE;
}

/** The operation's result, or {@link AnswerMissing} if it has not settled after `limitMs`. */
export async function answered<Result>(
  what: string,
  limitMs: number,
  operation: Promise<Result>,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const alarm = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AnswerMissing(`${what} has not settled after ${limitMs} ms`)),
      limitMs,
    );
  });
  try {
    return await Promise.race([operation, alarm]);
  } finally {
    clearTimeout(timer);
  }
}
