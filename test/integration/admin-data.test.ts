// Admin commands with data for the controller, with the kernel's target, on every way to it.

import { describe, expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { subsystems } from './support/fabric.js';
import { kernelPaths } from './support/kernel-paths.js';

describe.each(Object.values(kernelPaths))('an admin command with data over $name', (path) => {
  it.each([4, 512, 4096, 8192])('of %i bytes is answered, and the connection stays', async (bytes) => {
    await using env = await Environment.init({ memoryMb: 128 });
    const controller = await env.attach(path.id(subsystems.disk0));
    // Security Send, which this target does not have.
    const sent = controller.admin.send({ opcode: 0x81, data: Buffer.alloc(bytes) });
    await expect(sent).rejects.toMatchObject({ nvmeStatus: { sct: 0, sc: 1 } });
    expect(controller.state).toBe('attached');
    await controller.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 });
  });
});
