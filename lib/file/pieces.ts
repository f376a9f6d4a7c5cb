// Taking the pieces of an iterable, which may never give the next one.

import type { FileData } from './arguments.js';

type Pieces = Iterable<FileData> | AsyncIterable<FileData>;
type Leave = (error: Error) => void;

/**
 * The pieces in order. A wait for the next one ends when `leave` is called, with its error. The iterable then ends when it gives that piece:
 * until then it cannot be told.
 * @param listen gets `leave`, and returns functions that are called at the end
 */
export async function* leavablePieces(
  pieces: Pieces,
  listen: (leave: Leave) => readonly (() => void)[],
): AsyncGenerator<FileData, void, undefined> {
  const source = eachOf(pieces);
  let reason: Error | undefined;
  let reject: Leave = () => {};
  const ends = listen((error) => {
    reason ??= error;
    reject(error);
  });
  const next = () =>
    new Promise<IteratorResult<FileData, void>>((resolve, fail) => {
      reject = fail;
      if (reason) fail(reason);
      else source.next().then(resolve, fail);
    });
  try {
    for (let piece = await next(); !piece.done; piece = await next()) yield piece.value;
  } finally {
    for (const end of ends) end();
    const ended = source.return();
    if (reason) ended.catch(() => {});
    else await ended;
  }
}

async function* eachOf(pieces: Pieces): AsyncGenerator<FileData, void, undefined> {
  yield* pieces;
}
