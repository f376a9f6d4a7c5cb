// What the target gets and sends that no result shows: the flags of reads and writes, and the delay that a controller asks for before a
// command is sent again (CRD).

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { QueuePair, SubsystemNamespace } from '../../lib/index.js';
import { localTarget } from './local-target.js';
import {
  asksForController,
  commandId,
  commandIn,
  commandOfData,
  completedId,
  completionIn,
  dataIn,
  isDataToHost,
  isFabrics,
} from './pdu.js';
import { PduProxy } from './proxy.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:bits';
const port = 4481;
const local = localTarget({
  port: String(port),
  subsystems: [{ nqn, serial: 'BITS', disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 } }],
  environment: { pollers: 1 },
});
const opcodes = { write: 0x01, read: 0x02, setFeatures: 0x09 } as const;
const hostBehavior = 0x16;
const fua = 1 << 30;
const limitedRetry = 1 << 31;
/** CRDT1 to 3, in units of 100 ms. */
const delays = [2, 12, 22] as const;
/** Internal Error, beside which the completion has the number of a delay. */
const internalError = 0x06;

/** Dword 12 of each read and write, without the number of blocks. */
let flags: number[];
/** When each write came. */
let writes: number[];
/** The delays that the next writes are ended with instead of their result, by number; 0: Do Not Retry. */
let endings: number[];
let asksToWait: boolean;
let behavior: number[];
let proxy: PduProxy;

function hooks() {
  let forIo = false;
  const asked = new Set<number>();
  const toEnd = new Map<number, number>();
  return {
    fromHost: (pdu: Buffer) => {
      const command = commandIn(pdu);
      if (!command) return undefined;
      if (isFabrics(command, 'connect')) forIo = command.readUInt16LE(42) > 0;
      if (asksForController(command)) asked.add(commandId(command));
      if (!forIo) {
        if (command[0] === opcodes.setFeatures) behavior.push(command.readUInt8(40));
        return undefined;
      }
      if (command[0] === opcodes.write || command[0] === opcodes.read)
        flags.push(command.readInt32LE(48) & ~0xffff);
      if (command[0] === opcodes.write) {
        writes.push(performance.now());
        const ending = endings.shift();
        if (ending !== undefined) toEnd.set(commandId(command), ending);
      }
      return undefined;
    },
    fromTarget: (pdu: Buffer) => {
      const page = isDataToHost(pdu) && asked.delete(commandOfData(pdu)) ? dataIn(pdu) : undefined;
      if (page && asksToWait)
        for (const [i, delay] of delays.entries()) page.writeUInt16LE(delay, 128 + 2 * i);
      const completion = completionIn(pdu);
      const ending = completion && toEnd.get(completedId(completion));
      if (completion && ending !== undefined) {
        toEnd.delete(completedId(completion));
        const retry = ending === 0 ? 1 << 15 : ending << 12;
        completion.writeUInt16LE((internalError << 1) | retry, 14);
      }
      return undefined;
    },
  };
}

beforeEach(async () => {
  [flags, writes, endings, behavior, asksToWait] = [[], [], [], [], false];
  proxy = await PduProxy.start({ targetPort: port, hooks });
});
afterEach(async () => {
  for (const subsystem of local.env.subsystems) await subsystem.detach();
  for (const controller of local.env.controllers) await controller.detach();
  proxy.close();
});

it('fua and limitedRetry are bits of each command of an operation', async () => {
  const controller = await local.env.attach(local.id(nqn, proxy.port), { ioQueues: 1 });
  const [ns] = controller.namespaces;
  const commands = async (act: () => Promise<unknown> | undefined) => {
    flags.length = 0;
    await act();
    return flags;
  };
  const block = () => Buffer.alloc(512);
  const at = { offset: 0 };
  expect(await commands(() => ns?.write(block(), at))).toEqual([0]);
  expect(await commands(() => ns?.write(block(), { ...at, fua: true }))).toEqual([fua]);
  expect(await commands(() => ns?.read(block(), { ...at, limitedRetry: true }))).toEqual([limitedRetry]);
  const both = { ...at, fua: true, limitedRetry: true };
  expect(await commands(() => ns?.readv([block(), block()], both))).toEqual([fua | limitedRetry]);
  // More than one command transfers.
  const parts = await commands(() => ns?.write(Buffer.alloc(1 << 20), both));
  expect(parts.length).toBeGreaterThan(1);
  expect(new Set(parts)).toEqual(new Set([fua | limitedRetry]));
  using batch = (controller.queuePairs[0] as QueuePair).openBatch();
  using buffer = local.env.allocate(512);
  const inBatch = async () => {
    if (ns) batch.write({ namespace: ns, buffer, offset: 0, fua: true });
    batch.submit();
    expect(await batch.wait()).toBe(1);
  };
  expect(await commands(inBatch)).toEqual([fua]);
});

it('a write goes out again after the delay that the controller asks for, up to three times', async () => {
  asksToWait = true;
  const subsystem = await local.env.attachSubsystem([local.id(nqn, proxy.port)], { ioQueues: 1 });
  const ns = subsystem.namespaces[0] as SubsystemNamespace;
  expect(behavior).toContain(hostBehavior);
  endings = [1, 2, 3];
  await ns.write(Buffer.alloc(512, 1), { offset: 0 });
  const pauses = writes.slice(1).map((time, i) => time - (writes[i] as number));
  expect(pauses).toHaveLength(3);
  for (const [i, pause] of pauses.entries()) {
    expect(pause).toBeGreaterThan(100 * (delays[i] as number) - 5);
    // Less than the next delay, and enough for a busy machine.
    expect(pause).toBeLessThan(100 * (delays[i] as number) + 900);
  }
  expect((await ns.read(Buffer.alloc(512), { offset: 0 })).equals(Buffer.alloc(512, 1))).toBe(true);

  const failed = { code: 'ERR_SPDK_IO_FAILED', nvmeStatus: { sct: 0, sc: internalError } };
  writes.length = 0;
  endings = [1, 1, 1, 1];
  await expect(ns.write(Buffer.alloc(512, 2), { offset: 0 })).rejects.toMatchObject(failed);
  expect(writes).toHaveLength(4);
  endings = [0];
  await expect(ns.write(Buffer.alloc(512, 3), { offset: 0 })).rejects.toMatchObject(failed);
  expect(writes).toHaveLength(5);
});
