// The discovery log of the kernel's target, beside what nvme-cli reads of it.

import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { ports } from '../../scripts/fabric/topology.js';

let env: Environment;
beforeAll(async () => {
  env = await Environment.init();
});
afterAll(() => env.close());

interface Record {
  readonly subtype: string;
  readonly portid: number;
  readonly trsvcid: string;
  readonly subnqn: string;
  readonly traddr: string;
}

describe.each(Object.entries(ports))('discovery over %s', (_, { trtype, traddr, trsvcid, adrfam }) => {
  it('gives what nvme-cli gives', async () => {
    const words = ['discover', '-t', trtype, '-a', traddr, '-s', trsvcid, '-o', 'json'];
    const { genctr, records } = JSON.parse(execFileSync('nvme', words, { encoding: 'utf8' }));
    const log = await env.discover({
      trtype: trtype === 'rdma' ? 'RDMA' : 'TCP',
      adrfam: adrfam === 'ipv6' ? 'IPv6' : 'IPv4',
      traddr,
      trsvcid,
    });
    expect(log.generation).toBe(BigInt(genctr));
    expect(
      log.entries.map((entry) => [entry.subsystemNqn, entry.address, entry.service, entry.portId]),
    ).toEqual(records.map((one: Record) => [one.subnqn, one.traddr, one.trsvcid.trim(), one.portid]));
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
});
