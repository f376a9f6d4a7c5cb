import { afterEach, describe, expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { ids, open } from './support/fabric.js';
import { limits } from './support/limits.js';
import { hugepages } from './support/proc.js';
import { rejection, within } from './support/timing.js';
import { startWorker } from './support/worker.js';

const memoryMb = 64;

let env: Environment | undefined;
afterEach(() => env?.close());

describe('before SPDK has been started in this process', () => {
  it('more memory than there is in hugepages is rejected at once, with the command that fixes it', async () => {
    const { free } = hugepages();
    const init = open({ memoryMb: 1_048_576 });
    const error = await rejection('ERR_SPDK_NO_HUGEPAGES', limits.response, init);
    expect(error.message).toContain(`${free * 2} MiB`);
    expect(error.message).toContain('nr_hugepages');
    expect(hugepages().free).toBe(free);
  });

  it('which does not stand in the way of a start with less', async () => {
    env = await within(limits.start + limits.attach, open({ memoryMb }));
    const controller = await within(limits.attach, env.attach(ids.disk0));
    await controller.detach();
  });
});

describe('while an environment is open', () => {
  it('another one is rejected at once, and the open one is left alone', async () => {
    env = await open({ memoryMb });
    await rejection('ERR_SPDK_ENV_ALREADY_OPEN', limits.response, open({ memoryMb }));
    const controller = await within(limits.attach, env.attach(ids.disk0));
    await controller.detach();
  });

  it('a worker can have one too, and a controller of its own', async () => {
    env = await open({ memoryMb });
    const [controller, worker] = await Promise.all([
      within(limits.attach, env.attach(ids.disk1)),
      startWorker('attached', true),
    ]);
    expect(worker.message).toEqual({ at: 'attached' });
    await worker.terminate();
    expect(controller.state).toBe('attached');
    await controller.detach();
  });

  it('one that is just being opened counts', async () => {
    const first = open({ memoryMb });
    await rejection('ERR_SPDK_ENV_ALREADY_OPEN', limits.response, open({ memoryMb }));
    env = await first;
  });

  it('one that is just being closed counts, and then no more', async () => {
    const first = await open({ memoryMb });
    await first.attach(ids.disk0);
    const closed = first.close();
    await rejection('ERR_SPDK_ENV_ALREADY_OPEN', limits.response, open({ memoryMb }));
    await closed;
    env = await within(limits.response, open({ memoryMb }));
  });
});

describe('after an environment was closed', () => {
  it('another one takes over its memory, with other pollers', async () => {
    const { free } = hugepages();
    for (const pollers of [1, 4]) {
      env = await within(limits.response, Environment.init({ pollers, memoryMb }));
      const controller = await within(limits.attach, env.attach(ids.disk0, { ioQueues: 4 }));
      expect(new Set(controller.queuePairs.map(({ poller }) => poller)).size).toBe(pollers);
      await env.close();
    }
    expect(hugepages().free).toBe(free);
  });

  it('one that asks for more memory is rejected, because DPDK cannot', async () => {
    const init = open({ memoryMb: memoryMb + 1 });
    const error = await rejection('ERR_SPDK_ENV_NOT_REUSABLE', limits.response, init);
    expect(error.message).toContain(`${memoryMb} MiB`);
    env = await within(limits.response, open({ memoryMb }));
  });
});
