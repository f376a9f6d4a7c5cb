// Buffers that have lost their memory before the call: detached, or outside of an ArrayBuffer that has shrunk.

import { beforeEach, expect, it } from 'vitest';
import type { Namespace, QueuePair, SpdkError } from '../../lib/index.js';
import { simulatedDisk } from './memory/simulated-disk.js';

const disk = simulatedDisk();
let plain: Namespace;
let zoned: Namespace;
let extended: Namespace;

beforeEach(async () => {
  const zones = { zoneBlocks: 8, extensionBytes: 64 };
  disk.subsystem.addNamespace(2, { blocks: 64, zones });
  disk.subsystem.addNamespace(3, { blocks: 64, metadataSize: 8 });
  const { namespaces } = await disk.env.attach(disk.subsystem.id);
  [plain, zoned, extended] = namespaces as [Namespace, Namespace, Namespace];
});

type View = DataView | Uint8Array;
const views: Record<string, (memory: ArrayBuffer) => View> = {
  DataView: (memory) => new DataView(memory, 512, 512),
  Uint8Array: (memory) => new Uint8Array(memory, 512, 512),
  Buffer: (memory) => Buffer.from(memory, 512, 512),
  Float64Array: (memory) => new Float64Array(memory, 512, 64) as unknown as View,
};

const losses: Record<string, (of: (memory: ArrayBuffer) => View) => View> = {
  detached: (of) => {
    const memory = new ArrayBuffer(1024);
    const view = of(memory);
    structuredClone(memory, { transfer: [memory] });
    return view;
  },
  shrunk: (of) => {
    const memory = Reflect.construct(ArrayBuffer, [1024, { maxByteLength: 1024 }]);
    const view = of(memory);
    memory.resize(600);
    return view;
  },
};

const full = Buffer.alloc(512);
const at = { offset: 0 };
const entries: Record<string, (lost: View) => unknown> = {
  read: (lost) => plain.read(lost, at),
  write: (lost) => plain.write(lost, at),
  compare: (lost) => plain.compare(lost, at),
  readv: (lost) => plain.readv([full, lost], at),
  writev: (lost) => plain.writev([full, lost], at),
  'compareAndWrite, expected': (lost) => plain.compareAndWrite(lost, full, at),
  'compareAndWrite, replacement': (lost) => plain.compareAndWrite(full, lost, at),
  'raw, sending': (lost) => plain.raw({ opcode: 0x81, data: lost as Uint8Array }),
  'raw, receiving': (lost) => plain.raw({ opcode: 0x82, data: lost as Uint8Array }),
  metadata: (lost) => extended.read(Buffer.alloc(512), { ...at, metadata: lost as Uint8Array }),
  'zones.append': (lost) => zoned.zones.append(0, lost),
  'zones.setDescriptorExtension': (lost) => zoned.zones.setDescriptorExtension(0, lost),
  'batch.read, by names': (lost) =>
    batched((batch) => batch.read({ namespace: plain, buffer: lost as never, ...at })),
  'batch.read': (lost) => batched((batch) => batch.read(plain, lost as never, 0, 0, 512, 0)),
};

async function batched(work: (batch: ReturnType<QueuePair['openBatch']>) => unknown): Promise<void> {
  using batch = (plain.controller.queuePairs[0] as QueuePair).openBatch();
  work(batch);
}

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return 'none';
  } catch (error) {
    return (error as SpdkError).code ?? String(error);
  }
};

it.each(Object.keys(entries))('%s rejects every one of them', async (entry) => {
  const outcomes: Record<string, string> = {};
  for (const [loss, lose] of Object.entries(losses)) {
    for (const [kind, view] of Object.entries(views)) {
      outcomes[`${loss} ${kind}`] = await codeOf(() => entries[entry]?.(lose(view)));
    }
  }
  expect(new Set(Object.values(outcomes)), JSON.stringify(outcomes)).toEqual(
    new Set(['ERR_SPDK_INVALID_BUFFER']),
  );
});

it('an admin command does so with detached bytes, instead of sending none', async () => {
  const { admin } = plain.controller;
  const lost = losses.detached?.((memory) => new Uint8Array(memory)) as Uint8Array;
  expect(await codeOf(() => admin.send({ opcode: 0x81, data: lost }))).toBe('ERR_SPDK_INVALID_BUFFER');
  await expect(admin.send({ opcode: 0x81, data: new Uint8Array(0) })).rejects.toMatchObject({
    code: 'ERR_SPDK_IO_FAILED',
  });
});
