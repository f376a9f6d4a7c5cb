// The machine of a target stops responding in the middle of an attach: it was reached a moment ago, and the next
// connection is never established. The kernel goes on trying to connect for more than two minutes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { limits } from '../integration/support/limits.js';
import { codeOf, timed, within } from '../integration/support/timing.js';

const address = '127.0.0.1';

/** Listens without ever accepting. The kernel establishes two connections for it, and drops further requests. */
const program = `
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '${address}', backlog: 1 }, () => {
    console.log(server.address().port);
    process.kill(process.pid, 'SIGSTOP');
  });`;

/** A port that one more connection can be made to. */
async function almostFull(): Promise<number> {
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [port] = await once(child.stdout, 'data');
  const first = connect(Number(port), address);
  onTestFinished(() => void first.destroy());
  await once(first, 'connect');
  return Number(port);
}

it('an attach ends in time, and the environment closes', { timeout: 30_000 }, async () => {
  ensureHugepages(64);
  const env = await Environment.init({ pollers: 1, memoryMb: 64 });
  const timeoutMs = 700;
  const id = {
    trtype: 'TCP',
    adrfam: 'IPv4',
    traddr: address,
    trsvcid: String(await almostFull()),
    subnqn: 'nqn.2026-11.dev.spdk-nvme:unresponsive',
  } as const;
  const { value: code, ms } = await timed(codeOf(env.attach(id, { timeoutMs }), 'attached'));
  expect(code).toBe('ERR_SPDK_TIMEOUT');
  expect(ms).toBeGreaterThan(timeoutMs - 50);
  expect(ms).toBeLessThan(timeoutMs + limits.response);
  await within(limits.detach, env.close());
});
