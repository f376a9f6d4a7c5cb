// What attach options send to the kernel's target, over each transport: its trace of Connect commands, the identity
// that it knows its host by, and where the connections come from. test/tcp/attach-options.test.ts has all options.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Environment } from '../../lib/index.js';
import { subsystems } from '../../scripts/fabric/topology.js';
import { open } from './support/fabric.js';
import { kernelPaths } from './support/kernel-paths.js';
import { limits } from './support/limits.js';
import { run } from './support/run.js';
import { rejection, within } from './support/timing.js';

const tracing = '/sys/kernel/debug/tracing';
const connectEvents = `${tracing}/events/nvmet/nvmet_req_init`;
const hostId = '0f5c7d6e-23ab-4c1d-9a10-5b8e6f7a0c01';
/** Feature "Host Identifier", and the flag that asks for all 128 bits of it. */
const hostIdentifier = 0x81;
const whole = 1;

let env: Environment;
beforeAll(async () => {
  env = await open();
  writeFileSync(`${connectEvents}/enable`, '1');
});
beforeEach(() => writeFileSync(`${tracing}/trace`, ''));
afterEach(() => Promise.all(env.controllers.map((controller) => controller.detach())));
afterAll(async () => {
  writeFileSync(`${connectEvents}/enable`, '0');
  await env.close();
});

/** The Connect commands since the test began, as the target's trace has them. */
function connects(): { qid: number; sqsize: number; kato: number }[] {
  return [
    ...readFileSync(`${tracing}/trace`, 'utf8').matchAll(
      /nvme_fabrics_type_connect.*?qid=(\d+), sqsize=(\d+).*?kato=(\d+)/g,
    ),
  ].map(([, qid, sqsize, kato]) => ({ qid: Number(qid), sqsize: Number(sqsize), kato: Number(kato) }));
}

/** Where the connections to the target at this address and port come from, one entry for each. */
async function sources(trtype: 'rdma' | 'tcp', target: string): Promise<string[]> {
  if (trtype === 'tcp') {
    const lines = (await run('ss', ['-tnH', 'state', 'established'])).trim().split('\n');
    return lines.flatMap((line) => {
      const [, , local = '', remote = ''] = line.trim().split(/\s+/);
      return remote === target ? [local.replace(/:\d+$/, '')] : [];
    });
  }
  const ids = JSON.parse(await run('rdma', ['-j', 'resource', 'show', 'cm_id'])) as Record<string, string>[];
  return ids
    .filter((id) => id['dst-addr'] === target)
    .map((id) => (id['src-addr'] ?? '').replace(/:\d+$/, ''));
}

it('the trace of the target is there', () => expect(existsSync(connectEvents)).toBe(true));

describe.each(Object.values(kernelPaths))('over $name', (path) => {
  const attach = (options: Parameters<Environment['attach']>[1]) =>
    within(limits.attach, env.attach(path.id(subsystems.disk0), options));

  it('ioQueues, queueDepth and keepAliveMs are what the target is asked for', async () => {
    await attach({ ioQueues: 2, queueDepth: 24, keepAliveMs: 7_000 });
    const [admin, ...io] = connects();
    expect(admin).toMatchObject({ qid: 0, kato: 7_000 });
    // Newer releases connect them side by side.
    expect(io.map(({ qid, sqsize }) => [qid, sqsize + 1]).sort()).toEqual([
      [1, 24],
      [2, 24],
    ]);
  });

  it('keepAliveMs 0 turns the keep-alive off', async () => {
    await attach({ keepAliveMs: 0 });
    expect(connects()[0]).toMatchObject({ qid: 0, kato: 0 });
  });

  it('hostId is what the target knows the host by', async () => {
    const controller = await attach({ hostId });
    const asked = { opcode: 0x0a, cdw: [hostIdentifier, whole], dataLength: 16 };
    const { data } = await controller.admin.send(asked);
    expect(Buffer.from(data).toString('hex')).toBe(hostId.replaceAll('-', ''));
  });

  it('hostNqn is what the target calls the host', async () => {
    // A host NQN of its own for each path: the kernel's log also has the hosts of earlier tests.
    const hostNqn = `nqn.2026-11.dev.spdk-nvme:host-${path.port.id}-${process.pid}`;
    await attach({ hostNqn });
    expect(
      (await run('dmesg', [])).split('\n').filter((line) => line.includes(`for NQN ${hostNqn}`)),
    ).not.toEqual([]);
  });

  it('sourceAddress is where every connection comes from', async () => {
    const { trtype, adrfam, traddr, trsvcid } = path.port;
    const sourceAddress = adrfam === 'ipv6' ? 'fd77::2' : '10.77.0.2';
    await attach({ sourceAddress, ioQueues: 2 });
    const bracketed = (address: string) => (adrfam === 'ipv6' && trtype === 'tcp' ? `[${address}]` : address);
    expect(await sources(trtype, `${bracketed(traddr)}:${trsvcid}`)).toEqual(
      Array(3).fill(bracketed(sourceAddress)),
    );
  });

  it('a sourceAddress that no interface has is called that', async () => {
    const sourceAddress = path.port.adrfam === 'ipv6' ? 'fd77::77' : '10.77.0.77';
    const attached = env.attach(path.id(subsystems.disk0), { sourceAddress });
    const { message } = await rejection('ERR_SPDK_UNREACHABLE', limits.response, attached);
    expect(message).toContain(`sourceAddress ${sourceAddress}`);
  });
});
