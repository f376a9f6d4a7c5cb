// Commands that must not be sent twice, which native code could not send because the connection had just ended.

import { expect, it, vi } from 'vitest';
import { attachBoth, block, codeOf, only, twoPaths } from './memory/two-paths.js';

const paths = twoPaths();

it('go over the other path, as all others', async () => {
  const subsystem = await attachBoth(paths);
  const ns = only(subsystem);
  await ns.write(block(1), { offset: 0 });
  // As native code ends what it has when SPDK takes no command any more (ENXIO).
  vi.spyOn(paths.sides[0], 'execute').mockReturnValue({ status: 0x8000_0006, result: 0 });
  const begun = [
    ns.compareAndWrite(block(1), block(2), { offset: 0 }),
    ns.raw({ opcode: 0x81 }),
    ns.copy({ offset: 512, length: 512 }, { offset: 1024 }),
    ns.read(block(0), { offset: 4096 }),
  ];
  expect(await Promise.all(begun.map(codeOf))).toEqual(['ok', 'ok', 'ok', 'ok']);
  expect(paths.disk.data[0]).toBe(2);
  expect(subsystem.paths[0]?.stats().failedOver).toBe(begun.length);
});
