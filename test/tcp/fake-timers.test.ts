// A test runner's fake timers stop, and I/O continues.

import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, expect, it, vi } from 'vitest';
import { parseTransportId } from '../../lib/index.js';
import { localTarget } from './local-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:fake-timers';

const local = localTarget({
  port: '4497',
  subsystems: [{ nqn, serial: 'TIMERS', disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 } }],
});

const faked = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'queueMicrotask',
  'performance',
  'hrtime',
  'Date',
] as const;

afterEach(() => void vi.useRealTimers());

it.each(['adaptive', 'threads', 'inline'] as const)(
  'attach, I/O, a batch and detach with %s',
  async (polling) => {
    // Those of Jest and Sinon by default; `nextTick` is left to Node.js itself.
    vi.useFakeTimers({ toFake: [...faked] });
    const controller = await local.env.attach(local.id(nqn), { polling });
    const namespace = controller.namespaces[0];
    if (!namespace) throw new Error('No namespace');
    const data = Buffer.alloc(4096, polling);
    await namespace.write(data, { offset: 0 });
    const back = Buffer.alloc(4096);
    await namespace.read(back, { offset: 0 });
    expect(back.equals(data)).toBe(true);
    using buffer = local.env.allocate(512);
    using batch = controller.queuePairs[0]?.openBatch();
    batch?.read(namespace, buffer, 0, 0, 512, 7);
    expect(await batch?.wait()).toBe(1);
    const changed = new Promise((resolve) => controller.once('state', resolve));
    const detached = await controller.detach();
    expect(detached).toBeDefined();
    await changed;
  },
);

it('a program goes on in which nothing but this package keeps the event loop alive', async () => {
  const { traddr, trsvcid } = parseTransportId(local.id(nqn));
  const program = fileURLToPath(new URL('children/mocked-timers.mjs', import.meta.url));
  const { stdout, stderr, exitCode } = await execa(
    process.execPath,
    ['--no-warnings', program, traddr, trsvcid ?? '', nqn],
    {
      reject: false,
    },
  );
  expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'closed', stderr: '', exitCode: 0 });
});
