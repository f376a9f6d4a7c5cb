// I/O that JavaScript submits after a loss that it has not heard of, because it was busy, while SPDK is in an attempt to connect
// that does not return: it fails as soon as the policy says so, not at the end of the attempt.

import { expect, it } from 'vitest';
import type { SpdkError } from '../../lib/index.js';
import { localTarget } from './local-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:after-loss';
const failAfterMs = 100;
/** Long enough for a busy machine, and shorter than an attempt to connect. */
const limitMs = 2_000;

const local = localTarget({
  port: '4476',
  subsystems: [{ nqn, serial: 'LOSS', disk: { kind: 'malloc', sizeMb: 8, blockSize: 512 } }],
});

function beBusy(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

it('fails in time', { timeout: 60_000 }, async () => {
  const controller = await local.env.attach(local.id(nqn), {
    ...{ keepAliveMs: 1_000, reconnectDelayMs: failAfterMs, fastIoFailTimeoutMs: failAfterMs },
    ctrlrLossTimeoutMs: 60_000,
  });
  const [namespace] = controller.namespaces;
  const read = new Promise<{ code: string; ms: number }>((resolve) => {
    controller.once('resetting', () => {
      // Until the time for I/O is over, which this thread then does not know yet.
      beBusy(4 * failAfterMs);
      const begun = performance.now();
      const settle = (code: string) => resolve({ code, ms: performance.now() - begun });
      namespace?.read(Buffer.alloc(512), { offset: 0 }).then(
        () => settle('none'),
        (error: SpdkError) => settle(error.code),
      );
      // The command is sent before this thread is notified of the loss.
      queueMicrotask(() => beBusy(failAfterMs));
    });
  });
  // Only the target's port still responds: an attempt to connect takes seconds.
  process.kill(local.target.pid, 'SIGSTOP');
  const { code, ms } = await read;
  process.kill(local.target.pid, 'SIGCONT');
  expect(code).toBe('ERR_SPDK_CONTROLLER_FAILED');
  expect(ms).toBeLessThan(limitMs);
  await controller.detach({ drainMs: 0 });
});
