// Checksums of NVMe/TCP: a proxy flips one bit on the way, which TCP's own checksum does not see.

import os from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AttachOptions, type Controller, Environment } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limits } from '../integration/support/limits.js';
import { eventually, rejection, within } from '../integration/support/timing.js';
import { commandIn, completionIn, dataIn, isDataToHost } from './pdu.js';
import { PduProxy } from './proxy.js';

const traddr = '127.0.0.1';
const port = '4471';
const nqn = 'nqn.2026-11.dev.spdk-nvme:digests';
const listener = { trtype: 'TCP', traddr, trsvcid: port } as const;
const bytes = 4096;
const opcodes = { write: 0x01, read: 0x02 } as const;

/** Where a bit is flipped, once: in the data of a read or of a write, or in the header of the completion of either. */
type Place = 'data to host' | 'data to target' | 'header of a completion';

let target: SpdkTarget;
let env: Environment;
let proxy: PduProxy;
let place: Place | undefined;
let flipped = 0;

function flip(pdu: Buffer, at: number): void {
  pdu.writeUInt8(pdu.readUInt8(at) ^ 1, at);
  place = undefined;
  flipped++;
}

beforeAll(async () => {
  const disk = { kind: 'malloc', sizeMb: 16, blockSize: 512 } as const;
  const core = os.availableParallelism() - 1;
  target = await startSpdkTarget({ listener, core, subsystems: [{ nqn, serial: 'DIGESTS', disk }] });
  ensureHugepages(128);
  env = await Environment.init({ memoryMb: 128 });
  proxy = await PduProxy.start({
    targetPort: Number(port),
    hooks: () => {
      // Of an I/O queue, once a read or a write has passed.
      let serves = false;
      return {
        fromHost: (pdu) => {
          const opcode = commandIn(pdu)?.readUInt8(0);
          const writes = opcode === opcodes.write;
          serves ||= writes || (opcode === opcodes.read && commandIn(pdu)?.readUInt32LE(4) === 1);
          const data = dataIn(pdu);
          if (place === 'data to target' && writes && data && data.length >= bytes) {
            flip(pdu, pdu.readUInt8(3) + 100);
          }
          return undefined;
        },
        fromTarget: (pdu) => {
          const data = isDataToHost(pdu) ? dataIn(pdu) : undefined;
          // Not in what the admin queue reads in the background after an attach.
          if (place === 'data to host' && serves && data && data.length >= bytes) {
            flip(pdu, pdu.readUInt8(3) + 100);
          }
          if (place === 'header of a completion' && serves && completionIn(pdu)) flip(pdu, 8);
          return undefined;
        },
      };
    },
  });
});
afterEach(async () => {
  place = undefined;
  flipped = 0;
  await Promise.all(env.controllers.map((controller) => controller.detach()));
});
afterAll(async () => {
  proxy?.close();
  await env?.close();
  await target?.stop('SIGKILL');
});

const content = Buffer.alloc(bytes, 'good ');

async function attach(options: AttachOptions): Promise<Controller> {
  const id = listenerId({ ...listener, trsvcid: String(proxy.port) }, nqn);
  const controller = await within(limits.attach, env.attach(id, options));
  await controller.namespaces[0]?.write(content, { offset: 0 });
  return controller;
}

const both = { headerDigest: true, dataDigest: true };

describe('a flipped bit', () => {
  it('reaches the caller as good data without digests', async () => {
    const controller = await attach({});
    place = 'data to host';
    const read = await controller.namespaces[0]?.read(Buffer.alloc(bytes), { offset: 0 });
    expect(flipped).toBe(1);
    expect(read?.equals(content)).toBe(false);
  });

  it('in data to the host ends the read with a code', async () => {
    const controller = await attach({ dataDigest: true });
    place = 'data to host';
    const buffer = Buffer.alloc(bytes);
    const reading = controller.namespaces[0]?.read(buffer, { offset: 0 }) as Promise<unknown>;
    await rejection('ERR_SPDK_IO_FAILED', limits.response, reading);
    expect(flipped).toBe(1);
    // Not even the caller's buffer has it: data is copied there once it is good.
    expect(buffer.every((byte) => byte === 0)).toBe(true);
  });

  it('in a header ends the command with a code', async () => {
    const controller = await attach({ headerDigest: true });
    place = 'header of a completion';
    const writing = controller.namespaces[0]?.write(content, { offset: 0 }) as Promise<unknown>;
    await rejection('ERR_SPDK_IO_FAILED', limits.response, writing);
    expect(flipped).toBe(1);
  });

  it('in data to the target ends the write with a code, and is not written', async () => {
    const controller = await attach(both);
    place = 'data to target';
    const writing = controller.namespaces[0]?.write(Buffer.alloc(bytes, 'new '), {
      offset: 0,
    }) as Promise<unknown>;
    await rejection('ERR_SPDK_IO_FAILED', limits.response, writing);
    expect(flipped).toBe(1);
    await controller.detach();
    const again = await within(limits.attach, env.attach(listenerId(listener, nqn)));
    const read = await again.namespaces[0]?.read(Buffer.alloc(bytes), { offset: 0 });
    expect(read?.equals(content)).toBe(true);
  });

  it('costs a controller that reconnects a reset, and its caller nothing', async () => {
    const controller = await attach({ ...both, ctrlrLossTimeoutMs: 10_000, reconnectDelayMs: 100 });
    place = 'data to host';
    const read = await controller.namespaces[0]?.read(Buffer.alloc(bytes), { offset: 0 });
    expect(flipped).toBe(1);
    expect(read?.equals(content)).toBe(true);
    // Newer SPDK keeps the connection after that.
    place = 'header of a completion';
    await controller.namespaces[0]?.write(content, { offset: 0 });
    expect(flipped).toBe(2);
    expect(await eventually(limits.reset, () => controller.state === 'attached')).toBe(true);
    expect(controller.history.some(({ kind }) => kind === 'reset')).toBe(true);
  });
});

it('reads and writes of all lengths pass with both digests', async () => {
  const controller = await attach({ ...both, ioQueues: 2 });
  const [ns] = controller.namespaces;
  for (const length of [512, 4096, 8192, 65_536, 131_072, 1 << 20]) {
    const data = Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff));
    await ns?.write(data, { offset: 512 });
    expect((await ns?.read(Buffer.alloc(length), { offset: 512 }))?.equals(data)).toBe(true);
  }
});
