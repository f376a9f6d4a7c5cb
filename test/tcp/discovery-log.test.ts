// Discovery logs as they are on the wire: a service with a name of its own, a log that changes while it is read, and a long one.

import os from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limits } from '../integration/support/limits.js';
import { codeOf, within } from '../integration/support/timing.js';
import { asksForController, commandId, commandIn, commandOfData, dataIn, isDataToHost } from './pdu.js';
import { PduProxy } from './proxy.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4476' } as const;
const wellKnown = 'nqn.2014-08.org.nvmexpress.discovery';
const unique = 'nqn.2026-11.dev.spdk-nvme:discovery-of-its-own';
const nqn = (name: string | number) => `nqn.2026-11.dev.spdk-nvme:logged-${name}`;
const disk = { kind: 'null', sizeMb: 16, blockSize: 512 } as const;
const getLogPage = 0x02;
const discoveryPage = 0x70;
/** Of a subsystem's name in the data of Connect. */
const nameOffset = 256;
const nameBytes = 256;
/** Fields of Identify Controller: CNTRLTYPE and SUBNQN. */
const controllerType = 111;
const discoveryController = 2;
const identifiedName = 768;

let target: SpdkTarget;
let env: Environment;

beforeAll(async () => {
  const core = os.availableParallelism() - 1;
  target = await startSpdkTarget({ listener, core, subsystems: [{ nqn: nqn('a'), serial: 'A', disk }] });
  ensureHugepages(64);
  env = await Environment.init({ memoryMb: 64 });
});
afterAll(async () => {
  await env?.close();
  await target?.stop();
});

const listen = (name: string | number, port: number) =>
  target.call('nvmf_subsystem_add_listener', {
    nqn: nqn(name),
    listen_address: { ...listener, adrfam: 'IPv4', trsvcid: String(port) },
  });
const place = (port: number) => ({ ...listener, trsvcid: String(port) });

it('a service with a name of its own is asked by that name', async () => {
  // No target here has one: the proxy gives the target's service that name, and no other, and has it say what it is, as such
  // services do.
  const asked: string[] = [];
  const proxy = await PduProxy.start({
    targetPort: Number(listener.trsvcid),
    hooks: () => {
      const identifies = new Set<number>();
      return {
        fromHost: (pdu) => {
          const command = commandIn(pdu);
          if (command && asksForController(command)) identifies.add(commandId(command));
          const field = dataIn(pdu)?.subarray(nameOffset, nameOffset + nameBytes);
          if (!field || field.length < nameBytes) return undefined;
          const name = field.toString('utf8', 0, field.indexOf(0));
          asked.push(name);
          field.fill(0).write(name === unique ? wellKnown : unique);
          return undefined;
        },
        fromTarget: (pdu) => {
          const page = isDataToHost(pdu) && identifies.delete(commandOfData(pdu)) ? dataIn(pdu) : undefined;
          page?.writeUInt8(discoveryController, controllerType);
          page?.fill(0, identifiedName, identifiedName + nameBytes).write(unique, identifiedName);
          return undefined;
        },
      };
    },
  });
  try {
    const service = { ...place(proxy.port), subnqn: unique };
    const log = await within(limits.attach, env.discover(service));
    expect(log.transportId.subnqn).toBe(unique);
    expect(log.entries.map(({ subsystemNqn }) => subsystemNqn)).toEqual([nqn('a')]);
    const watch = await within(limits.attach, env.watchDiscovery(service));
    expect(watch.log.entries).toHaveLength(1);
    await watch.close();
    expect(asked).toEqual([unique, unique]);
    expect(await codeOf(env.discover(place(proxy.port)))).not.toBe('none');
    expect(asked.at(-1)).toBe(wellKnown);
  } finally {
    proxy.close();
  }
});

it('a log that changes between its header and its entries is read again', async () => {
  const reads: number[] = [];
  const headers = new Set<number>();
  const proxy = await PduProxy.start({
    targetPort: Number(listener.trsvcid),
    hooks: () => ({
      fromHost: (pdu) => {
        const command = commandIn(pdu);
        if (command?.[0] !== getLogPage || command[40] !== discoveryPage) return undefined;
        if (reads.length === 0) headers.add(commandId(command));
        reads.push((command.readUInt16LE(42) + 1) * 4);
        return undefined;
      },
      // What the host sends after the first header waits until the log is another one.
      fromTarget: (pdu) => (isDataToHost(pdu) && headers.delete(commandOfData(pdu)) ? 'this' : undefined),
    }),
  });
  try {
    const reading = env.discover(place(proxy.port));
    await within(limits.attach, proxy.held);
    await listen('a', 4475);
    proxy.release();
    const { entries } = await within(limits.attach, reading);
    expect(entries.map(({ service }) => service).sort()).toEqual(['4475', listener.trsvcid]);
    expect(reads).toEqual([1024, 2048, 3072]);
  } finally {
    proxy.close();
  }
});

it('a log of a thousand entries is read whole', { timeout: 60_000 }, async () => {
  // Newer releases of the target (seen: v24.09, v26.05) take 16 listeners of one subsystem.
  const names = Array.from({ length: 63 }, (_, index) => index);
  const ports = Array.from({ length: 16 }, (_, index) => 4_600 + index);
  await Promise.all(
    names.map(async (name) => {
      await target.call('nvmf_create_subsystem', { nqn: nqn(name), allow_any_host: true });
      for (const port of ports) await listen(name, port);
    }),
  );
  const { entries } = await within(limits.attach, env.discover(listener));
  const found = new Set(entries.map(({ subsystemNqn, service }) => `${subsystemNqn} ${service}`));
  for (const name of names) for (const port of ports) expect(found).toContain(`${nqn(name)} ${port}`);
});
