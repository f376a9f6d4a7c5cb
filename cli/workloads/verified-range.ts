// What `perf --verify` does before and after the measurement: writes the whole range, and reads all of it once more.

import type { Namespace } from 'spdk-nvme';
import { transferBar } from '../engine/terminal/transfer-bar.js';
import { wordsOf } from './io-drivers.js';
import type { IoMeter } from './io-meter.js';
import { type IoPlan, unitsOf } from './io-plan.js';
import type { Verifier } from './verifier.js';

/** The bytes of one operation. */
const pieceBytes = 1 << 20;
const piecesAtOnce = 4;

export type Limits = { readonly timeoutMs: number; readonly signal: AbortSignal };

/** Writes what reads will find. */
export async function fill(
  namespace: Namespace,
  plan: IoPlan,
  verifier: Verifier,
  limits: Limits,
): Promise<void> {
  await sweep(plan, 'Filling: ', async (piece, offset, first) => {
    eachUnit(plan, piece, first, (words, unit) => verifier.stampFirst(words, unit));
    await namespace.write(piece, { offset, ...limits });
  });
}

/** Reads everything once more: a write that was lost may not have been read since. */
export async function checkAll(
  namespace: Namespace,
  plan: IoPlan,
  verifier: Verifier,
  meter: IoMeter,
  limits: Limits,
): Promise<void> {
  await sweep(plan, 'Checking: ', async (piece, offset, first) => {
    await namespace.read(piece, { offset, ...limits });
    eachUnit(plan, piece, first, (words, unit) => meter.addMismatch(verifier.check(words, unit)));
  });
}

/** Goes through all units, some pieces of whole units at a time. */
async function sweep(
  plan: IoPlan,
  what: string,
  work: (piece: Buffer, offset: number, firstUnit: number) => Promise<void>,
): Promise<void> {
  const { ioSize } = plan;
  const units = unitsOf(plan);
  const each = Math.max(1, Math.floor(pieceBytes / ioSize));
  const bar = transferBar(units * ioSize, what);
  let next = 0;
  let done = 0;
  const worker = async () => {
    const buffer = Buffer.alloc(each * ioSize);
    while (next < units) {
      const first = next;
      const count = Math.min(each, units - first);
      next += count;
      await work(buffer.subarray(0, count * ioSize), plan.offset + first * ioSize, first);
      done += count;
      bar.update(done * ioSize);
    }
  };
  try {
    await Promise.all(Array.from({ length: piecesAtOnce }, worker));
  } finally {
    next = units;
    bar.stop();
  }
}

function eachUnit(
  { ioSize }: IoPlan,
  piece: Buffer,
  first: number,
  use: (words: Uint32Array, unit: number) => void,
): void {
  for (let i = 0; i * ioSize < piece.length; i++) use(wordsOf(piece, i * ioSize, ioSize), first + i);
}
