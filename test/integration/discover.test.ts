// The discovery log of the kernel's target, beside what nvme-cli reads of it.

import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DiscoveryChange,
  type DiscoveryEntry,
  type DiscoveryLog,
  Environment,
} from '../../lib/index.js';
import { ports } from '../../scripts/fabric/topology.js';
import { addSubsystem, allow, refer, withdraw } from '../../scripts/target/kernel-target.js';
import { subsystems } from './support/fabric.js';
import { limits } from './support/limits.js';
import { within } from './support/timing.js';

let env: Environment;
beforeAll(async () => {
  env = await Environment.init({ memoryMb: 128 });
});
afterAll(() => env.close());

interface Record {
  readonly subtype: string;
  readonly portid: number;
  readonly trsvcid: string;
  readonly subnqn: string;
  readonly traddr: string;
}

type Port = (typeof ports)[keyof typeof ports];

const serviceOf = ({ trtype, traddr, trsvcid, adrfam }: Port) => ({
  trtype: trtype === 'rdma' ? 'RDMA' : 'TCP',
  adrfam: adrfam === 'ipv6' ? 'IPv6' : 'IPv4',
  traddr,
  trsvcid,
});

/** The discovery log of a port, as nvme-cli and the kernel's initiator read it. */
function asNvmeCli({ trtype, traddr, trsvcid }: Port): { generation: bigint; entries: unknown[] } {
  const words = ['discover', '-t', trtype, '-a', traddr, '-s', trsvcid, '-o', 'json'];
  const { genctr, records } = JSON.parse(execFileSync('nvme', words, { encoding: 'utf8' }));
  const entries = records.map((one: Record) => [one.subnqn, one.traddr, one.trsvcid.trim(), one.portid]);
  return { generation: BigInt(genctr), entries };
}

const inShort = (entries: readonly DiscoveryEntry[]) =>
  entries.map((entry) => [entry.subsystemNqn, entry.address, entry.service, entry.portId]);

describe.each(Object.entries(ports))('discovery over %s', (_, port) => {
  const { trtype, traddr, trsvcid, adrfam } = port;
  it('gives what nvme-cli gives', async () => {
    const log = await env.discover(serviceOf(port));
    expect({ generation: log.generation, entries: inShort(log.entries) }).toEqual(asNvmeCli(port));
    const offered = log.entries.find(({ subtype }) => subtype === 'nvm');
    expect(offered?.transportId).not.toBeNull();
    expect(env.controllers, 'discovery attaches nothing').toEqual([]);
  });

  it('gives ids that attach takes', async () => {
    const id = { trtype: trtype === 'rdma' ? 'RDMA' : 'TCP', traddr, trsvcid } as const;
    const { entries } = await env.discover({ ...id, adrfam: adrfam === 'ipv6' ? 'IPv6' : 'IPv4' });
    const entry = entries.find(({ subsystemNqn }) => subsystemNqn.endsWith(':disk0'));
    const controller = await env.attach(entry?.transportId ?? '');
    expect(controller.namespaces.length).toBeGreaterThan(0);
    await controller.detach();
  });

  it('reports changes by itself, each of them', async () => {
    const nqn = `${subsystems.disk0.nqn}-offered`;
    const watch = await env.watchDiscovery(serviceOf(port), { pollIntervalMs: 0, timeoutMs: 30_000 });
    expect(watch.notified).toBe(true);
    const changes = watch[Symbol.asyncIterator]();
    const next = async (): Promise<DiscoveryChange> => (await within(limits.noticed, changes.next())).value;
    await next();
    const remove = addSubsystem(nqn, 'OFFERED', [], [port]);
    try {
      const change = await next();
      expect(change.added.map(({ subsystemNqn }) => subsystemNqn)).toEqual([nqn]);
      expect(change.removed).toEqual([]);
      expect(inShort(change.log.entries)).toEqual(asNvmeCli(port).entries);
      // The controller reports a change once, until its log is read: more than one shows that it was.
      withdraw(nqn, port);
      expect((await next()).removed.map(({ subsystemNqn }) => subsystemNqn)).toEqual([nqn]);
      allow(nqn, port);
      expect((await next()).added).toHaveLength(1);
    } finally {
      remove();
    }
    expect((await next()).removed).toHaveLength(1);
    expect(env.controllers).toEqual([]);
    await within(limits.detach, watch.close());
    expect((await changes.next()).done).toBe(true);
  });

  it('has what it offers attached', async () => {
    const filter = ({ subsystemNqn }: DiscoveryEntry) => subsystemNqn.endsWith(':disk0');
    const options = { filter, timeoutMs: 30_000 };
    const { attached, failed } = await env.attachAll(serviceOf(port), options);
    expect(failed).toEqual([]);
    expect(attached).toHaveLength(1);
    const again = await env.attachAll(serviceOf(port), options);
    expect(again.present.map(({ controller }) => controller)).toEqual(env.controllers);
    await attached[0]?.controller.detach();
  });
});

it('ports that refer to each other are each asked once', async () => {
  const { tcp, tcp6 } = ports;
  const referrals = [refer(tcp, tcp6), refer(tcp6, tcp)];
  try {
    const log = await env.discover(serviceOf(tcp), { referralDepth: 8, timeoutMs: 30_000 });
    const asked = (one: DiscoveryLog): unknown => [one.transportId.traddr, ...one.referrals.map(asked)];
    expect(asked(log)).toEqual([tcp.traddr, [tcp6.traddr]]);
    // Both logs have a referral, also the one that is not followed.
    for (const one of [log, ...log.referrals])
      expect(one.entries.filter(({ subtype }) => subtype === 'referral')).toHaveLength(1);
    expect(log.failures).toEqual([]);
  } finally {
    for (const remove of referrals) remove();
  }
});
