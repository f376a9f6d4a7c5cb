// Named pipes, without threads that wait for the other end: a process cannot end before its threads do.

import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, Failure } from '../process/exit.js';
import { statsOf } from './named-files.js';

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
/** How often it is checked whether a pipe has a reader. */
const retryMs = 50;
/** The time that a reader has after a signal; a verb has 200 ms for all of its work then. */
const stoppedMs = 150;

export function isNamedPipe(path: string): boolean {
  return statsOf(path)?.isFIFO() ?? false;
}

/** Opens a pipe for reading; its end comes when its last writer, of which there is one at least, has closed it. */
export function pipeToRead(path: string): Socket {
  return new Socket({ fd: openSync(path, O_RDONLY | O_NONBLOCK), readable: true, writable: false });
}

/** Opens a pipe for writing, as soon as it has a reader. @throws what the signal was aborted with */
export async function pipeToWrite(path: string, signal: AbortSignal): Promise<Socket> {
  for (;;) {
    try {
      return new Socket({ fd: openSync(path, O_WRONLY | O_NONBLOCK), readable: false, writable: true });
    } catch (error) {
      if (codeOf(error) !== 'ENXIO') throw error;
    }
    await sleep(retryMs, undefined, { signal });
  }
}

/**
 * Writes all of a text to a pipe, as soon as it has a reader.
 * @param signal ends the wait for a reader that has not come, and soon for one that does not read
 */
export async function writePipe(path: string, text: string, signal: AbortSignal): Promise<void> {
  const pipe = await pipeToWrite(path, signal).catch((error: unknown) => {
    throw signal.aborted ? new Failure(`${path} was not written: no process reads the pipe`) : error;
  });
  let timer: NodeJS.Timeout | undefined;
  const limit = () => {
    const late = new Failure(`${path} was not written whole: its reader has stopped reading`);
    timer = setTimeout(() => pipe.destroy(late), stoppedMs);
  };
  if (signal.aborted) limit();
  else signal.addEventListener('abort', limit);
  try {
    const ended = finished(pipe);
    pipe.end(text);
    await ended;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', limit);
  }
}
