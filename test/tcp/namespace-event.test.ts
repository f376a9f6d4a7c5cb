// A target that falls silent right after it has announced a change of its namespaces: SPDK asks it for them in the middle
// of polling its admin queue, and waits for the response.

import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Controller, PollingMode } from '../../lib/index.js';
import { eachPolling, inTurn, pollings } from '../integration/support/each-polling.js';
import { limits } from '../integration/support/limits.js';
import { codeOf, eventually, timed, within } from '../integration/support/timing.js';
import { holdAfterNamespaceEvent } from './holding-proxy.js';
import { localTarget } from './local-target.js';
import type { PduProxy } from './proxy.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:events';
/** A subsystem for each way of polling. */
const nqnOf = (polling: PollingMode) => `${nqn}-${polling}`;
const keepAliveMs = 1_000;
/** The id of a namespace that the test adds and removes. */
const nsid = 7;

const local = localTarget({
  port: '4468',
  subsystems: [{ nqn: `${nqn}-other`, serial: 'OTHER', disk: { kind: 'null', sizeMb: 16, blockSize: 512 } }],
  environment: { pollers: 1 },
});
// The target must reserve room for namespaces that are added later.
beforeAll(async () => {
  for (const polling of pollings) {
    const of = { nqn: nqnOf(polling) };
    const serial_number = polling.toUpperCase();
    const room = { allow_any_host: true, max_namespaces: 8 };
    await local.target.call('nvmf_create_subsystem', { ...of, serial_number, ...room });
    for (const [name, block_size] of [
      ['First', 512],
      ['Extra', 512],
      ['Other', 4096],
    ] as const) {
      const disk = { name: `${name}-${polling}`, num_blocks: 2_048, block_size };
      await local.target.call('bdev_malloc_create', disk);
    }
    await local.target.call('nvmf_subsystem_add_ns', { ...of, namespace: { bdev_name: `First-${polling}` } });
    const listen_address = { ...local.listener, adrfam: 'IPv4' };
    await local.target.call('nvmf_subsystem_add_listener', { ...of, listen_address });
  }
});

const add = (polling: PollingMode, name = 'Extra') =>
  local.target.call('nvmf_subsystem_add_ns', {
    nqn: nqnOf(polling),
    namespace: { bdev_name: `${name}-${polling}`, nsid },
  });
const remove = (polling: PollingMode) =>
  local.target.call('nvmf_subsystem_remove_ns', { nqn: nqnOf(polling), nsid });

/** Runs a test with a controller whose target has announced a namespace, and then hears nothing more. */
async function withSilence(
  polling: PollingMode,
  options: { keepAliveMs: number },
  test: (controller: Controller, proxy: PduProxy) => Promise<void>,
): Promise<void> {
  const proxy = await holdAfterNamespaceEvent(Number(local.listener.trsvcid));
  let controller: Controller | undefined;
  try {
    const id = local.id(nqnOf(polling), proxy.port);
    controller = await inTurn(() => local.env.attach(id, { polling, timeoutMs: 5_000, ...options }));
    await add(polling);
    await proxy.held;
    await test(controller, proxy);
  } finally {
    proxy.close();
    await controller?.detach();
    await remove(polling);
  }
}

describe.each(pollings)('polled by %s', (polling) => {
  it('a controller follows its namespaces', async () => {
    const controller = await local.env.attach(local.id(nqnOf(polling)), { polling });
    await add(polling);
    expect(await eventually(limits.response, () => controller.namespaces.length === 2)).toBe(true);
    await remove(polling);
    expect(await eventually(limits.response, () => controller.namespaces.length === 1)).toBe(true);
    await within(limits.detach, controller.detach());
  });

  it('a controller follows its namespaces where they change again before it has asked for the first change', async () => {
    const controller = await local.env.attach(local.id(nqnOf(polling)), { polling });
    for (let i = 0; i < 10; i++) {
      await within(limits.response, add(polling));
      await within(limits.response, remove(polling));
    }
    await within(limits.response, add(polling));
    expect(await eventually(limits.response, () => controller.namespaces.length === 2)).toBe(true);
    await within(limits.response, remove(polling));
    expect(await eventually(limits.response, () => controller.namespaces.length === 1)).toBe(true);
    await within(limits.detach, controller.detach());
  });

  it('another disk under the id is never reported with the name of the one before', async () => {
    await add(polling);
    const proxy = await holdAfterNamespaceEvent(Number(local.listener.trsvcid));
    const controller = await local.env.attach(local.id(nqnOf(polling), proxy.port), { polling });
    const reported = [controller.namespaces];
    controller.on('namespaces', (namespaces) => reported.push(namespaces));
    // SPDK is asking for the namespaces when the id changes hands, so for SPDK it was there all the time.
    await remove(polling);
    await proxy.held;
    await add(polling, 'Other');
    proxy.release();
    const sized = (bytes: number) =>
      reported.flat().filter(({ id, blockSize }) => id === nsid && blockSize === bytes);
    expect(await eventually(limits.response, () => sized(4096).length > 0)).toBe(true);
    expect(sized(4096).map(({ uuid }) => uuid)).not.toContain(sized(512)[0]?.uuid);
    await within(limits.detach, controller.detach());
    proxy.close();
    await remove(polling);
  });

  it('a controller follows its namespaces while more admin commands are outstanding than SPDK can have', async () => {
    const controller = await local.env.attach(local.id(nqnOf(polling)), { polling });
    let flooding = true;
    const flood = Array.from({ length: 64 }, async () => {
      while (flooding) await controller.admin.identify(1);
    });
    for (let i = 0; i < 5; i++) {
      await add(polling);
      expect(await eventually(limits.response, () => controller.namespaces.length === 2)).toBe(true);
      await remove(polling);
      expect(await eventually(limits.response, () => controller.namespaces.length === 1)).toBe(true);
    }
    flooding = false;
    await Promise.all(flood);
    await within(limits.detach, controller.detach());
  });
});

describe('however it is polled', () => {
  it('a silent one fails within its keep-alive timeout and a second, and is detached', () =>
    eachPolling((polling) =>
      withSilence(polling, { keepAliveMs }, async (controller) => {
        const failed = new Promise((resolve) => controller.once('failed', resolve));
        const read = codeOf(
          controller.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 }) ?? Promise.resolve(),
        );
        expect((await timed(failed)).ms).toBeLessThan(keepAliveMs + 1_000 + limits.response);
        expect(await read).toBe('ERR_SPDK_IO_FAILED');
        expect(controller.history.map(({ text }) => text).join('\n')).toMatch(
          /did not describe its namespaces for \d+ ms/,
        );
        await within(limits.response, controller.detach());
      }),
    ));

  it('a silent one is detached in time, though it has not failed yet', () =>
    eachPolling((polling) =>
      withSilence(polling, { keepAliveMs: 60_000 }, async (controller) => {
        await sleep(200);
        const { ms } = await timed(controller.detach({ drainMs: 100, timeoutMs: 1_500 }));
        expect(ms).toBeLessThan(1_500 + limits.response);
        expect(controller.state).toBe('detached');
      }),
    ));

  it('one that responds later stays attached', () =>
    eachPolling((polling) =>
      withSilence(polling, { keepAliveMs: 10_000 }, async (controller, proxy) => {
        await sleep(2_000);
        expect(controller.state).toBe('attached');
        proxy.release();
        expect(await eventually(limits.response, () => controller.namespaces.length === 2)).toBe(true);
        expect(controller.state).toBe('attached');
        await within(limits.detach, controller.detach());
      }),
    ));
});
