/** An operation has not even answered by its own deadline. */
export class AnswerMissing extends Error {
  static readonly CODE = 'NO_ANSWER';
  readonly code = AnswerMissing.CODE;
}

/** The operation's outcome, or {@link AnswerMissing} when there is none after `limitMs`. */
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
