// Controllers that announce more than they do: they reject the features that a path asks them for.

import { expect, it } from 'vitest';
import { attachBoth, block, codeOf, only, pathAt, twoPaths, until } from './memory/two-paths.js';

const all = twoPaths();
const opcodes = { getLogPage: 0x02, identify: 0x06, setFeatures: 0x09, getFeatures: 0x0a } as const;
const invalidField = 0x02;

function reject(...rejected: readonly number[]): void {
  for (const side of all.sides) {
    const admin = side.admin.bind(side);
    side.commandRetryDelays = [1, 0, 0];
    side.admin = (question, from) => {
      const result = admin(question, from);
      return rejected.includes(question.opcode) ? { ...result, status: invalidField } : result;
    };
  }
}

it.each([
  ['Set Features', opcodes.setFeatures],
  ['Get Features', opcodes.getFeatures],
])('%s: paths are used, and follow ANA statuses', async (_, opcode) => {
  reject(opcode);
  const subsystem = await attachBoth(all);
  const namespace = only(subsystem);
  await namespace.write(block(1), { offset: 0 });
  const [used] = subsystem.pathsOf(namespace);
  const i = used === pathAt(subsystem, 0) ? 0 : 1;
  all.sides[i].setAna(1, 'inaccessible');
  await namespace.write(block(2), { offset: 0 });
  await until(() => used?.ana(1) === 'inaccessible');
  expect(all.disk.data[0]).toBe(2);
});

it.each([0xffff_ffff, 60_000_000])(
  'a path is used whose controller announces %i namespaces',
  async (announced) => {
    const lengths: number[] = [];
    const [side] = all.sides;
    const admin = side.admin.bind(side);
    side.admin = (question, from) => {
      const result = admin(question, from);
      const { opcode, cdw } = question;
      const data = Buffer.from(result.data.buffer, result.data.byteOffset, result.data.byteLength);
      if (opcode === opcodes.identify && cdw[0] === 1) data.writeUInt32LE(announced, 540);
      if (opcode === opcodes.getLogPage) lengths.push(data.length);
      return result;
    };
    const subsystem = await all.env.attachSubsystem([all.ids[0]]);
    await only(subsystem).write(block(1), { offset: 0 });
    expect(pathAt(subsystem, 0)?.ana(1)).toBe('optimized');
    expect(lengths.reduce((sum, length) => sum + length)).toBeLessThan(5 << 20);
  },
);

it('a path whose ANA log cannot be read is still not used', async () => {
  const subsystem = await all.env.attachSubsystem([all.ids[0]], { reconnectDelayMs: 20 });
  reject(opcodes.getLogPage);
  const added = subsystem.addPath(all.ids[1]);
  await until(() => added.error !== undefined);
  expect([added.state, added.error?.code]).toEqual(['connecting', 'ERR_SPDK_IO_FAILED']);
  expect(await codeOf(only(subsystem).flush())).toBe('ok');
});
