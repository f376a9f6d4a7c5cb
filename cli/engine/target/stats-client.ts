// Reads the statistics that other processes export.

import { readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type StatsSnapshot, statsFolder } from 'spdk-nvme';

/** A process responds in microseconds, unless its JavaScript is busy or stopped. */
const limitMs = 2_000;

/** The sockets of all processes of this user that export their statistics to the usual place. */
export function findSockets(): string[] {
  const folder = statsFolder();
  // In a folder that all users may write to, another user may have made it.
  if (statSync(folder, { throwIfNoEntry: false })?.uid !== process.getuid?.()) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sock'))
    .map((name) => path.join(folder, name));
}

/** Asks a process for its statistics; undefined where none responds. */
export async function readSnapshot(file: string): Promise<StatsSnapshot | undefined> {
  const socket = connect(file);
  const timer = setTimeout(() => socket.destroy(new Error('no response')), limitMs);
  try {
    const response = JSON.parse(await text(socket));
    return response?.schema === 1 ? response : undefined;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
