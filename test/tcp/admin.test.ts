// Admin commands against SPDK's own target, which ends the connection over a command that transfers more than it allows.

import os from 'node:os';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { NativeFailure } from '../../lib/errors/spdk-error.js';
import { type Controller, Environment, type SpdkError } from '../../lib/index.js';
import { native } from '../../lib/native/addon.js';
import type { NativeController, NativeEnvironment } from '../../lib/native/contract.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { codeOf } from '../integration/support/timing.js';
import { commandIn } from './pdu.js';
import { PduProxy } from './proxy.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4494' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:admin';
const id = `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn}`;
const errorLog = 0x01;
const identify = 0x06;
const vendorSpecific = 0xc0;

let target: SpdkTarget;
beforeAll(async () => {
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [{ nqn, serial: 'ADMIN', disk: { kind: 'null', sizeMb: 64, blockSize: 512 } }],
  });
  ensureHugepages(128);
});
afterAll(() => target.stop());

describe('admin commands', () => {
  let env: Environment;
  let controller: Controller;
  const seen: string[] = [];
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  beforeAll(async () => {
    process.on('unhandledRejection', note);
    env = await Environment.init({ memoryMb: 128 });
    controller = await env.attach(id);
    for (const event of ['failed', 'resetting'] as const) controller.on(event, () => seen.push(event));
  });
  afterAll(async () => {
    await env.close();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('read log pages longer than one command transfers', async () => {
    const { maxTransferBytes } = controller.info;
    expect(maxTransferBytes).toBe(131_072);
    // This release of the target takes no offset that is more than what the same command reads.
    const more = target.release === 2409 ? 0 : 4_096;
    const page = await controller.admin.logPage(errorLog, 2 * maxTransferBytes + more);
    expect(page).toHaveLength(2 * maxTransferBytes + more);
    expect({ state: controller.state, seen }).toEqual({ state: 'attached', seen: [] });
  });

  it('read a log page from an offset on', async () => {
    const effects = 0x05;
    const whole = await controller.admin.logPage(effects, 4_096);
    expect(whole.some((byte) => byte !== 0)).toBe(true);
    expect(await controller.admin.logPage(effects, 2_048, undefined, { offset: 1_024 })).toEqual(
      whole.subarray(1_024, 3_072),
    );
  });

  it('above the limit, or the wrong way, are rejected before they are sent', async () => {
    const send = (command: Parameters<typeof controller.admin.send>[0]) =>
      codeOf(controller.admin.send(command), 'sent');
    expect(await send({ opcode: identify, cdw: [1], dataLength: 262_144 })).toBe(
      'ERR_SPDK_INVALID_ARG_VALUE',
    );
    expect(await send({ opcode: identify, cdw: [1], data: Buffer.alloc(4_096) })).toBe(
      'ERR_SPDK_CONFLICTING_OPTIONS',
    );
    expect(await send({ opcode: identify, cdw: [0xff << 24] })).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    const signal = AbortSignal.abort();
    const aborted = controller.admin.send({ opcode: identify, cdw: [1], dataLength: 4_096 }, { signal });
    expect(await codeOf(aborted, 'sent')).toBe('ERR_SPDK_ABORTED');
    expect({ state: controller.state, seen }).toEqual({ state: 'attached', seen: [] });
  });

  it('say that the connection ended, when it did', async () => {
    let dropped = 0;
    const proxy = await PduProxy.start({
      targetPort: Number(listener.trsvcid),
      hooks: () => ({
        fromHost: (pdu) => {
          if (commandIn(pdu)?.[0] !== vendorSpecific) return undefined;
          dropped++;
          return 'drop';
        },
      }),
    });
    try {
      const other = await env.attach(id.replace(listener.trsvcid, String(proxy.port)));
      const pending = other.admin
        .send({ opcode: vendorSpecific }, { timeoutMs: 10_000 })
        .catch((error: SpdkError) => error);
      await vi.waitFor(() => expect(dropped).toBe(1));
      await other.reset();
      expect(await pending).toMatchObject({
        code: 'ERR_SPDK_IO_FAILED',
        message: expect.stringContaining('The connection ended'),
      });
      await other.detach();
    } finally {
      proxy.close();
    }
  });
});

describe('native code', () => {
  it('rejects what is above the limit, or has no direction, by itself', async () => {
    const opened = await new Promise<NativeEnvironment>((resolve, reject) => {
      native().open({
        ...{
          name: 'admin',
          memoryMb: 128,
          memoryRequired: true,
          pollers: 1,
          alwaysSpin: false,
          idleSleepUs: 5_000,
        },
        ...{ connectConcurrency: 1, logLevel: 0, onLog: () => {} },
        opened: (failure, env) => (env ? resolve(env) : reject(failure)),
      });
    });
    const controller = await attach(opened);
    const send = (opcode: number, bytes: number) =>
      new Promise<string>((resolve) => {
        controller.admin({
          ...{ opcode, nsid: 0, tag: 0, cdw10: 1, cdw11: 0, cdw12: 0, cdw13: 0, cdw14: 0, cdw15: 0 },
          data: new Uint8Array(bytes),
          done: (failure) => resolve(failure?.code ?? 'sent'),
        });
      });
    expect(await send(identify, 262_144)).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    expect(await send(0x18, 4_096)).toBe('ERR_SPDK_UNSUPPORTED');
    expect(await send(0xc3, 4_096)).toBe('ERR_SPDK_UNSUPPORTED');
    expect(await send(identify, 4_096)).toBe('sent');
    expect(controller.state()).toBe('attached');
    const clean = await new Promise((closed) => opened.close({ timeoutMs: 5_000, closed }));
    expect(clean).toBe(true);
  });
});

const none = new Uint8Array(0);
const noKeys = {
  dhchapKey: none,
  dhchapControllerKey: none,
  tlsPsk: none,
  dhchapDigests: 0,
  dhchapGroups: 0,
};

function attach(env: NativeEnvironment): Promise<NativeController> {
  return new Promise((resolve, reject) => {
    const attached = (failure: NativeFailure | null) => {
      if (failure) reject(failure);
      else if (controller) resolve(controller);
    };
    const controller = env.attach({
      ...{
        transportId: id,
        hostNqn: '',
        hostId: '',
        sourceAddress: '',
        sourcePort: '',
        keys: noKeys,
        ioQueues: 1,
        queueDepth: 32,
      },
      ...{
        keepAliveMs: 10_000,
        timeoutMs: 5_000,
        polling: 'threads',
        discovery: false,
        reconnectDelayMs: 0,
      },
      ...{ ctrlrLossTimeoutMs: 0, fastIoFailTimeoutMs: 0, attached },
      ...{
        stopOnRejection: false,
        headerDigest: false,
        dataDigest: false,
        transportAckTimeout: 0,
        transportRetryCount: 0,
        tos: 0,
      },
      ...{ stateChanged: () => {}, failed: () => {}, resetStep: () => {} },
      ...{
        ioCompleted: () => {},
        namespacesChanged: () => {},
        logChanged: () => {},
        reservationsChanged: () => {},
      },
    });
  });
}
