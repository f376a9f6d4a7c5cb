// Random steps of batches and of the admin queue, for a target in memory and SPDK's own.

import type { Namespace } from '../../lib/index.js';
import type { Random } from '../../scripts/testing/random.js';
import { type IoBench, type Step, shown } from './beside-words.js';

/** Commands of one batch, and how it ends. */
export function drawBatch(random: Random, { env, ns, other }: IoBench): Step {
  const { bytes } = ns;
  const commands = Array.from({ length: random.below(12) }, (_, tag) => ({
    kind: random.pick(['read', 'write', 'flush', 'write', 'read', 'foreign', 'odd']),
    block: random.below(8) > 0 ? tag * 64 + random.below(32) : random.pick([2048, -1, 0.5, 2047]),
    length: random.pick([512, 1024, 4096, 16_384, 0, 100]),
    tag,
    text: random.pick(['m', 'n']),
    pause: random.below(4) === 0,
  }));
  const end = random.pick(['wait', 'wait', 'wait', 'close', 'discard', 'loop', 'reap', 'break']);
  return [
    `batch ${end} of ${commands.map(({ kind, block, length, text, pause }) => `${kind} ${length} ${text} at block ${block}${pause ? ' sent' : ''}`).join(' + ')}`,
    async () => {
      const lines: string[] = [];
      const [pair] = ns.controller.queuePairs as [(typeof ns.controller.queuePairs)[0]];
      const batch = pair.openBatch();
      const memory = env.allocate(16_384 * 12);
      const trying = (name: string, work: () => unknown) => {
        try {
          lines.push(`${name}: ${shown(work())}`);
        } catch (error) {
          lines.push(`${name}: ${shown(error)}`);
        }
      };
      trying('second', () => pair.openBatch());
      lines.push(await ns.flush({ queuePair: pair }).then(() => 'flushed', shown));
      for (const { kind, block, length, tag, text, pause } of commands) {
        memory.fill(text, tag * 16_384, (tag + 1) * 16_384);
        trying(`${tag}`, () => {
          if (kind === 'flush') return batch.flush(ns, tag);
          if (kind === 'foreign') return batch.flush(other, tag);
          if (kind === 'odd')
            return batch.read({ namespace: ns, buffer: Buffer.alloc(512) as never, offset: 0, tag });
          return batch[kind as 'read' | 'write'](ns, memory, tag * 16_384, block * 512, length, tag);
        });
        if (pause) trying('submit', () => batch.submit());
      }
      const done: string[] = [];
      const note = (count: number) => {
        for (let i = 0; i < count; i++) done.push(`${batch.tags[i]} ${shown(batch.error(i))}`);
      };
      trying('outstanding', () => batch.outstanding);
      switch (end) {
        case 'wait':
          while (batch.outstanding > 0) note(await batch.wait());
          note(await batch.wait());
          break;
        case 'reap':
          trying('submit', () => batch.submit());
          while (batch.outstanding > 0) {
            note(batch.reap());
            await new Promise(setImmediate);
          }
          break;
        case 'loop':
          for await (const { tag, error } of batch) done.push(`${tag} ${shown(error)}`);
          break;
        case 'break':
          for await (const { tag, error } of batch) {
            done.push(`${tag} ${shown(error)}`);
            break;
          }
          while (batch.outstanding > 0) note(await batch.wait());
          break;
        case 'close':
          trying('close', () => batch.close());
          break;
        default:
      }
      batch.close({ discard: true });
      trying('closed', () => batch.submit());
      lines.push(await batch.wait().then(shown, shown));
      lines.push(await ns.flush({ queuePair: pair }).then(() => 'flushed', shown));
      if (end === 'close' || end === 'discard') await ns.writeZeroes({ offset: 0, length: bytes });
      else lines.push(shown(memory));
      return [lines, done.sort()];
    },
  ];
}

/** An admin command that both targets know, with good or bad arguments. */
export function drawAdmin(random: Random, ns: Namespace): Step {
  const { admin } = ns.controller;
  const page = random.pick([1, 2, 3]);
  const length = random.pick([4, 64, 512, 513, 4096, 0]);
  const feature = random.pick([1, 2, 4, 5, 7, 0x0b, 0x100, -1]);
  const limits = random.pick([
    {},
    {},
    {},
    { signal: AbortSignal.abort() },
    { timeoutMs: 0 },
    { x: 1 },
  ]) as object;
  const [words, step] = random.pick<Step>([
    ['identify', async () => (await admin.identify(1, 0, limits)).length],
    [`log page ${page} ${length}`, async () => (await admin.logPage(page, length, undefined, limits)).length],
    [`feature ${feature}`, async () => typeof (await admin.getFeature(feature, 0, limits))],
    ['health', async () => Object.keys(await admin.smartLog(limits)).length],
    ['keep alive', () => admin.send({ opcode: 0x18 }, limits)],
    ['unknown opcode', () => admin.send({ opcode: 0xc4 }, limits)],
    ['unknown opcode with data', () => admin.send({ opcode: 0xc1, data: new Uint8Array(512) }, limits)],
    ['data in the wrong direction', () => admin.send({ opcode: 0xc2, data: new Uint8Array(512) }, limits)],
    ['abort of nothing', () => admin.send({ opcode: 0x08, cdw: [0xffff_ffff] }, limits)],
  ]);
  return [`admin ${words} ${shown(limits)}`, step];
}
