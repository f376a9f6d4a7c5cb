// Messages that SPDK does not accept, after some of which it reads no more from the connection (SPDK-TCP-UNREAD). The proxy lets no
// complaint of SPDK's pass: the target stays as it is and keeps the connection.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AttachOptions, Controller } from '../../lib/index.js';
import { limits } from '../integration/support/limits.js';
import { codeOf, eventually, rejection, within } from '../integration/support/timing.js';
import { localTarget } from './local-target.js';
import { commandIn, completionIn, isDataToHost, isFabrics } from './pdu.js';
import { PduProxy } from './proxy.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:unread';
const port = '4473';
const bytes = 4096;
const getFeatures = 0x0a;
const termination = { byHost: 0x02, byTarget: 0x03 } as const;

const local = localTarget({
  port,
  subsystems: [{ nqn, serial: 'UNREAD', disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 } }],
});

const isCompletion = (pdu: Buffer): boolean => completionIn(pdu) !== undefined;
const isEither = (pdu: Buffer): boolean => isCompletion(pdu) || isDataToHost(pdu);

/** Which message of the target is changed, and how. */
const changes: Record<string, { is: typeof isEither; change(pdu: Buffer): void }> = {
  'a wrong header digest': { is: isEither, change: (pdu) => pdu.writeUInt8(pdu.readUInt8(8) ^ 1, 8) },
  'an unknown type': { is: isEither, change: (pdu) => pdu.writeUInt8(0x55, 0) },
  'an unknown command': {
    is: isEither,
    change: (pdu) => pdu.writeUInt16LE(0xffff, isDataToHost(pdu) ? 8 : 8 + 12),
  },
  'a request to end the connection, without its data': {
    is: isCompletion,
    change: (pdu) => pdu.fill(0, 8, 24).writeUInt8(termination.byTarget, 0),
  },
  'data of no length': { is: isDataToHost, change: (pdu) => pdu.writeUInt32LE(0, 16) },
};

let proxy: PduProxy;
/** What is changed next, and on which queue. */
let next: { queue: 'admin' | 'io'; name: string } | undefined;

beforeEach(async () => {
  proxy = await PduProxy.start({
    targetPort: Number(port),
    hooks: () => {
      let queue: 'admin' | 'io' = 'admin';
      return {
        fromHost: (pdu) => {
          const command = commandIn(pdu);
          if (command && isFabrics(command, 'connect') && command.readUInt16LE(42) > 0) queue = 'io';
          return pdu[0] === termination.byHost ? 'this' : undefined;
        },
        fromTarget: (pdu) => {
          const wanted = next?.queue === queue ? changes[next.name] : undefined;
          if (wanted?.is(pdu)) {
            wanted.change(pdu);
            next = undefined;
          }
          return undefined;
        },
      };
    },
  });
});
afterEach(async () => {
  next = undefined;
  proxy.close();
  await Promise.all(local.env.controllers.map((controller) => controller.detach()));
});

function attach(name: string, options: AttachOptions = {}): Promise<Controller> {
  const headerDigest = name === 'a wrong header digest';
  return within(
    limits.attach,
    local.env.attach(local.id(nqn, proxy.port), { headerDigest, keepAliveMs: 0, ...options }),
  );
}

const readOf = (controller: Controller) =>
  controller.namespaces[0]?.read(Buffer.alloc(bytes), { offset: 0 }) as Promise<Buffer>;

/** Whether it is data that is changed. Commands whose response has none complete with a completion alone. */
const takesData = (name: string): boolean => changes[name]?.is === isDataToHost;

function operation(controller: Controller, name: string): Promise<unknown> {
  if (takesData(name)) return readOf(controller);
  return controller.namespaces[0]?.write(Buffer.alloc(bytes), { offset: 0 }) as Promise<unknown>;
}

describe.each(Object.keys(changes))('a message with %s', (name) => {
  it.each(['adaptive', 'threads', 'inline'] as const)('ends I/O in time (polling: %s)', async (polling) => {
    const controller = await attach(name, { polling });
    next = { queue: 'io', name };
    await rejection('ERR_SPDK_IO_FAILED', limits.response, operation(controller, name));
    expect(await eventually(limits.response, () => controller.state === 'failed')).toBe(true);
  });

  it('ends admin commands in time', async () => {
    const controller = await attach(name);
    next = { queue: 'admin', name };
    const { admin } = controller;
    const command = takesData(name)
      ? admin.logPage(0x02, 512)
      : admin.send({ opcode: getFeatures, cdw: [7] });
    await rejection('ERR_SPDK_IO_FAILED', limits.response, command);
    expect(await eventually(limits.response, () => controller.state === 'failed')).toBe(true);
  });

  it('ends an attach in time', async () => {
    next = { queue: 'admin', name };
    const code = await within(limits.response, codeOf(attach(name)));
    // Whether it says that the target rejected Connect depends on the release.
    expect(['ERR_SPDK_ATTACH_FAILED', 'ERR_SPDK_CONNECT_REJECTED']).toContain(code);
  });
});

it('costs a controller that reconnects a reset, and its caller nothing', async () => {
  const name = 'data of no length';
  const controller = await attach(name, { ctrlrLossTimeoutMs: 10_000, reconnectDelayMs: 100 });
  const before = await readOf(controller);
  next = { queue: 'io', name };
  expect(await within(limits.reset, readOf(controller))).toEqual(before);
  expect(controller.history.some(({ kind }) => kind === 'reset')).toBe(true);
});
