// Random arguments of I/O, most of them good.

import type { DmaBuffer } from '../../lib/index.js';
import type { Random } from '../../scripts/testing/random.js';
import { type IoBench, shown } from './beside-words.js';

const lengths = [0, 1, 3, 511, 512, 513, 1024, 1536, 4096, 8192, 65_536, 131_072, 131_584, 300_032, 399_999];

/** What draws arguments, with the words for them. */
export function argumentsOf(random: Random, { env, ns, other }: IoBench) {
  const { bytes } = ns;
  const length = () => random.pick(lengths);
  const whole = () => (1 + random.below(random.pick([2, 8, 300]))) * 512;
  const usually = <T>(value: T, ...odd: readonly T[]): T => (random.below(4) > 0 ? value : random.pick(odd));
  const view = (size: number, text: string): [string, NodeJS.ArrayBufferView] => {
    const kind = random.pick([
      'plain',
      'plain',
      'plain',
      'dma',
      'dma',
      'dma part',
      'words',
      'shared',
      'dataview',
      'detached',
      'released',
      'shifted',
    ]);
    const fill = <V extends NodeJS.ArrayBufferView>(v: V): V => {
      new Uint8Array(v.buffer, v.byteOffset, v.byteLength).fill(text.charCodeAt(0));
      return v;
    };
    const make = (): NodeJS.ArrayBufferView => {
      switch (kind) {
        case 'dma':
          return size === 0 ? fill(Buffer.alloc(0)) : fill(env.allocate(size));
        case 'dma part':
          return fill(
            env
              .allocate(size + 1000)
              .subarray(random.below(4) * 4, 12 + size)
              .subarray(0, size),
          );
        case 'words':
          return fill(new Uint16Array(size >> 1));
        case 'shared':
          return fill(new Uint8Array(new SharedArrayBuffer(size)));
        case 'dataview':
          return fill(new DataView(new ArrayBuffer(size)));
        case 'detached': {
          const detached = new Uint8Array(size);
          structuredClone(detached.buffer, { transfer: [detached.buffer] });
          return detached;
        }
        case 'released': {
          const released = env.allocate(size + 1) as DmaBuffer & { release?: () => void };
          released.release?.();
          return released;
        }
        case 'shifted':
          return fill(new Uint8Array(new ArrayBuffer(size + 3), 3, size));
        default:
          return fill(Buffer.alloc(size));
      }
    };
    return [`${kind} ${size}`, make()];
  };
  const offset = (size: number) =>
    usually(
      random.below(Math.max(1, (bytes - size) >> 9)) * 512,
      bytes - 512,
      bytes,
      bytes - Math.ceil(size / 512) * 512,
      bytes - Math.ceil(size / 512) * 512 + 512,
      1,
      -512,
      2 ** 53,
      1.5,
      Number.MAX_SAFE_INTEGER - 511,
      2 ** 42,
      bytes + 512,
    );
  const options = (): [string, Record<string, unknown>] => {
    const made = usually<() => [string, Record<string, unknown>]>(
      () => ['', {}],
      () => ['aborted', { signal: AbortSignal.abort() }],
      () => ['aborted for a reason', { signal: AbortSignal.abort(new Error('why')) }],
      () => ['timeoutMs 0', { timeoutMs: 0 }],
      () => ['timeoutMs 5000', { timeoutMs: 5000 }],
      () => ['timeoutMs huge', { timeoutMs: 2 ** 31 }],
      () => ['onTimeout odd', { onTimeout: 'odd' }],
      () => ['onTimeout abort', { onTimeout: 'abort', timeoutMs: 5000 }],
      () => ['aborted, onTimeout abort', { onTimeout: 'abort', signal: AbortSignal.abort() }],
      () => ['aborted, onTimeout reset', { onTimeout: 'reset', signal: AbortSignal.abort() }],
      () => ['unknown', { unknown: 1 }],
      () => ['queuePair', { queuePair: ns.controller.queuePairs[0] }],
      () => ['queuePair of another', { queuePair: other.controller.queuePairs[0] }],
      () => ['queuePair odd', { queuePair: 1 }],
    );
    return made();
  };
  const flagged = (): [string, Record<string, unknown>] => {
    const [words, given] = options();
    const flags = usually(
      {},
      { fua: true },
      { limitedRetry: true },
      { fua: 1 },
      { metadata: Buffer.alloc(8) },
      { protection: {} },
    );
    return [`${words} ${shown(flags)}`, { ...given, ...flags }];
  };
  return { length, whole, usually, view, offset, options, flagged };
}
