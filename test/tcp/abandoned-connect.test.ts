// A detach does not wait for a connect that SPDK goes on with; what that connect holds is returned nevertheless.

import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limits } from '../integration/support/limits.js';
import { release } from '../integration/support/release.js';
import { within } from '../integration/support/timing.js';
import { enables, holdAt } from './holding-proxy.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4466' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:abandoned';
/** SPDK v20.07 gives a controller that it enables as long as that asks for, more than once. */
const givenUpMs = 45_000;
/** v20.07 forgets half a kilobyte of a command whose connection broke; a controller takes 45. */
const strayBytes = 4_096;

let target: SpdkTarget;
let env: Environment;

beforeAll(async () => {
  target = await startSpdkTarget({
    listener,
    subsystems: [{ nqn, serial: 'ABANDONED', disk: { kind: 'null', sizeMb: 16, blockSize: 512 } }],
  });
  ensureHugepages(128);
  env = await Environment.init({ pollers: 1, memoryMb: 64 });
});
afterAll(async () => {
  await env?.close();
  await target?.stop('SIGKILL');
});

/** DMA memory in use; over RDMA SPDK also keeps an event channel. */
const dmaBytes = () => env.stats().memory.usedBytes;

/** Detaches a controller in the middle of a reset, when SPDK waits for the target to become ready. */
async function abandonConnect(): Promise<void> {
  let armed = false;
  const proxy = await holdAt(
    Number(listener.trsvcid),
    (value) => armed && enables(value),
    // SPDK waits for the response to its next read, whether the controller is ready, as long as the kernel's
    // target asks for.
    { holdIt: false, readyHalfSeconds: 10 },
  );
  try {
    const id = `trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:${proxy.port} subnqn:${nqn}`;
    const controller = await env.attach(id);
    armed = true;
    const reset = controller.reset({ timeoutMs: givenUpMs });
    reset.catch(() => {});
    await proxy.held;
    await within(limits.detach, controller.detach());
    await expect(reset).rejects.toThrow();
  } finally {
    proxy.close();
  }
}

it('returns the memory', { timeout: 90_000 }, async () => {
  const before = dmaBytes();
  await abandonConnect();
  // Newer releases (seen: v24.09, v26.05) do not wait for the target in one call, and have ended the connect by now.
  if (release() < 2205) expect(dmaBytes()).toBeGreaterThan(before + strayBytes);
  await vi.waitFor(() => expect(dmaBytes()).toBeLessThan(before + strayBytes), {
    timeout: givenUpMs,
    interval: 250,
  });
});

it('does not hold up a close', async () => {
  await abandonConnect();
  await within(limits.teardown, env.close());
  env = await Environment.init({ pollers: 1, memoryMb: 64 });
});
