// Named pipes, without threads that wait for the other end: a process cannot end before its threads do.

import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../process/exit.js';
import { statsOf } from './named-files.js';

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
/** How often it is checked whether a pipe has a reader. */
const retryMs = 50;

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
