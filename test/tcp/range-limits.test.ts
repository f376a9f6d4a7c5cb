// Write Zeroes and Deallocate keep to the limits that a controller reports for them. v20.07 reports none: a proxy has it complete another
// Identify, and puts the limits into its answer.

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Controller } from '../../lib/index.js';
import { release } from '../integration/support/release.js';
import { localTarget } from './local-target.js';
import { commandId, commandIn, commandOfData, dataIn, isDataToHost, isFabrics } from './pdu.js';
import { PduProxy } from './proxy.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:range-limits';
const port = 4495;
const local = localTarget({
  port: String(port),
  subsystems: [{ nqn, serial: 'LIMITS', disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 } }],
  environment: { pollers: 1 },
});
const opcodes = { identify: 0x06, writeZeroes: 0x08, deallocate: 0x09 } as const;
const structures = { controller: 0x01, ofCommandSet: 0x06, none: 0xff } as const;
/** WZSL, in a power of two of 4 KiB, and DMRSL in blocks. */
const limits = { writeZeroes: 5, deallocate: 1000 } as const;

/** The blocks of each Write Zeroes, and the number of Deallocates. */
let zeroes: number[];
let deallocates: number;
/** How often the controller is asked for its limits. */
let asks: number;
/** Whether the target gets another question instead, which it rejects. */
let rejects: boolean;
let proxy: PduProxy;
let controller: Controller;

function hooks() {
  let forIo = false;
  let asked: number | undefined;
  return {
    fromHost: (pdu: Buffer) => {
      const command = commandIn(pdu);
      if (!command) return undefined;
      if (isFabrics(command, 'connect')) forIo = command.readUInt16LE(42) > 0;
      else if (forIo && command[0] === opcodes.writeZeroes) zeroes.push(command.readUInt16LE(48) + 1);
      else if (forIo && command[0] === opcodes.deallocate) deallocates++;
      else if (!forIo && command[0] === opcodes.identify && command[40] === structures.ofCommandSet) {
        asks++;
        asked = rejects ? undefined : commandId(command);
        command[40] = rejects ? structures.none : structures.controller;
      }
      return undefined;
    },
    fromTarget: (pdu: Buffer) => {
      if (!isDataToHost(pdu) || commandOfData(pdu) !== asked) return undefined;
      const data = dataIn(pdu) as Buffer;
      data.fill(0);
      data.writeUInt8(limits.writeZeroes, 1);
      data.writeUInt32LE(limits.deallocate, 4);
      asked = undefined;
      return undefined;
    },
  };
}

beforeEach(async () => {
  [zeroes, deallocates, asks, rejects] = [[], 0, 0, false];
  proxy = await PduProxy.start({ targetPort: port, hooks });
});
afterEach(async () => {
  await controller.detach();
  proxy.close();
});

async function attach(): Promise<void> {
  controller = await local.env.attach(local.id(nqn, proxy.port), { ctrlrLossTimeoutMs: 10_000 });
}

it('is sent as several commands, also after a reset', async () => {
  await attach();
  for (let round = 0; round < 2; round++) {
    const [ns] = controller.namespaces;
    const bytes = 1 << 20;
    const filled = Buffer.alloc(bytes, round + 1);
    await ns?.write(filled, { offset: 0 });
    await ns?.writeZeroes({ offset: 0, length: bytes });
    expect((await ns?.read(filled, { offset: 0 }))?.equals(Buffer.alloc(bytes))).toBe(true);
    await ns?.deallocate({ offset: 0, length: bytes });
    expect(zeroes.splice(0)).toEqual(Array(8).fill(256));
    expect(deallocates).toBe(3);
    deallocates = 0;
    await controller.reset();
  }
});

it('a controller is asked after each reset, unless it has rejected that', async () => {
  await attach();
  await controller.reset();
  await controller.reset();
  // Newer SPDK (seen: v26.05, not v24.09) asks for them with each connect, too.
  const bySpdk = release() < 2605 ? 0 : 1;
  expect(asks).toBe(3 + 3 * bySpdk);
  rejects = true;
  await controller.reset();
  await controller.reset();
  expect(asks).toBe(4 + 5 * bySpdk);
});
