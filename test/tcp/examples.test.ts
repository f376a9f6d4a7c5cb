// The examples are run as a reader would run them, each in a process of its own, against SPDK's own target over TCP.

import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { expectNoConnections, tcpConnections } from '../integration/suites/target.js';
import { killedAtEnd } from '../integration/support/killed-at-end.js';
import { listenSilently } from './silent-target.js';

const examples = path.resolve(import.meta.dirname, '../../examples');
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4478' } as const;
const service = `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid}`;
const nqns = ['a', 'b'].map((name) => `nqn.2026-11.dev.spdk-nvme:example-${name}`);
/** A disk that can deallocate. */
const inMemory = 'nqn.2026-11.dev.spdk-nvme:example-memory';
/** A disk with 300 ms for each read, so that a MiB in 16 reads is not over before a signal comes. */
const slow = 'nqn.2026-11.dev.spdk-nvme:example-slow';
const slowDisk = { kind: 'delay', sizeMb: 4, blockSize: 512, delayUs: 300_000 } as const;
const [id = ''] = nqns.map((nqn) => `${service} subnqn:${nqn}`);
const waits = { timeout: 20_000, interval: 50 };

let target: SpdkTarget;
let folder: string;
const start = async () => {
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [
      ...nqns.map((nqn, index) => ({
        nqn,
        serial: `EXAMPLE${index}`,
        disk: { kind: 'file', path: path.join(folder, `disk${index}`), blockSize: 512 } as const,
      })),
      { nqn: inMemory, serial: 'MEMORY', disk: { kind: 'malloc', sizeMb: 4, blockSize: 4096 } },
      { nqn: slow, serial: 'SLOW', disk: slowDisk },
    ],
  });
};
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-examples-'));
  for (const index of [0, 1]) fs.writeFileSync(path.join(folder, `disk${index}`), Buffer.alloc(4 << 20));
  await start();
  // Beside the target, up to four examples run at once, each with the default of 256 MiB.
  ensureHugepages(4 * 256);
});
afterAll(async () => {
  await target?.stop();
  fs.rmSync(folder, { recursive: true });
});

/** Starts an example; `said` grows by what it writes. */
function run(name: string, ...args: string[]) {
  const options = { reject: false, all: true, timeout: 55_000 } as const;
  const child = killedAtEnd(execa(process.execPath, [path.join(examples, name), ...args], options));
  const output = { said: '' };
  child.all.on('data', (part) => {
    output.said += String(part);
  });
  const hears = (text: RegExp) => vi.waitFor(() => expect(output.said).toMatch(text), waits);
  const stop = async () => {
    child.kill('SIGTERM');
    const { exitCode } = await child;
    expect(exitCode, output.said).toBe(0);
    await expectNoConnections([listener.trsvcid]);
  };
  return { child, output, hears, stop };
}

it('copy-image copies an image of any length and shows progress', async () => {
  const image = randomBytes((3 << 20) + 777);
  const file = path.join(folder, 'image');
  fs.writeFileSync(file, image);
  const { child } = run('copy-image.mjs', file, id);
  const { exitCode, stdout, stderr } = await child;
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `copied ${image.length} bytes` });
  expect(stderr).toContain(`100 % of ${image.length} bytes`);
  const disk = fs.readFileSync(path.join(folder, 'disk0'));
  expect(disk.subarray(0, image.length).equals(image)).toBe(true);
  const bad = await run('copy-image.mjs').child;
  expect(bad).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('IMAGE TRANSPORT-ID') });
});

it('worker-thread reads what the disk has', async () => {
  const { exitCode, stdout } = await run('worker-thread.mjs', id).child;
  const first = fs.readFileSync(path.join(folder, 'disk0')).subarray(0, 1 << 20);
  const sha256 = createHash('sha256').update(first).digest('hex');
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `1048576 bytes, sha256 ${sha256}` });
});

it('worker-thread ends by SIGTERM, with what it has read', async () => {
  const { child, output } = run('worker-thread.mjs', `${service} subnqn:${slow}`);
  await vi.waitUntil(() => tcpConnections([listener.trsvcid]).initiators > 0, waits);
  child.kill('SIGTERM');
  expect((await child).exitCode, output.said).toBe(0);
  expect(output.said).toMatch(/^\d+ bytes, sha256 [0-9a-f]{64}$/m);
  expect(Number.parseInt(output.said, 10)).toBeLessThan(1 << 20);
});

it.concurrent.for([
  ['copy-image.mjs', 'package.json'],
  ['reconnecting-agent.mjs'],
  ['fenced-pair.mjs'],
  ['discovery-agent.mjs'],
  ['prometheus.mjs', '4482'],
  ['nbd-export.mjs', '4483'],
  ['opentelemetry.mjs'],
  ['worker-thread.mjs'],
])(
  '%s ends cleanly by a signal while its target does not respond',
  async ([name = '', ...words], context) => {
    const silent = await listenSilently(listener.traddr);
    context.onTestFinished(() => silent.close());
    const id = `${service.replace(listener.trsvcid, String(silent.port))} subnqn:${nqns[0]}`;
    const args = name === 'discovery-agent.mjs' ? [id.replace(/ subnqn.*/, '')] : [...words, id];
    if (name === 'fenced-pair.mjs') args.push('left');
    const child = execa(process.execPath, [path.join(examples, name), ...args], { reject: false });
    context.onTestFinished(() => void child.kill('SIGKILL'));
    await vi.waitUntil(() => silent.connections() > 0, waits);
    child.kill('SIGTERM');
    const { exitCode, stderr } = await child;
    context.expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  },
);

it('prometheus gives counts to whoever scrapes it', async () => {
  const { hears, stop } = run('prometheus.mjs', '4479', id);
  await hears(/listening/);
  const response = await fetch('http://127.0.0.1:4479/metrics');
  expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
  const text = await response.text();
  expect(text).toContain(`spdk_nvme_controller_up{subsystem="${nqns[0]}"} 1`);
  expect(text).toMatch(/^spdk_nvme_dma_memory_used_bytes \d{6,}$/m);
  await stop();
});

it('opentelemetry gives spans of an attach, a reset and a detach, and of an attach that failed', async () => {
  const good = await run('opentelemetry.mjs', id).child;
  expect(good.exitCode).toBe(0);
  for (const name of ['attach', 'reset', 'detach']) expect(good.stdout).toContain(`name: '${name}'`);
  const failed = await run('opentelemetry.mjs', `${service} subnqn:nqn.2026-11.dev.spdk-nvme:nobody`).child;
  expect(failed.exitCode).toBe(1);
  expect(failed.stdout).toContain('ERR_SPDK_CONNECT_REJECTED');
});

it('reconnecting-agent reads again when its target is back', async () => {
  const { hears, output, stop } = run('reconnecting-agent.mjs', id);
  await hears(/read in/);
  await target.stop('SIGKILL');
  await hears(/lost:/);
  await start();
  await hears(/back after \d+ ms/);
  output.said = '';
  await hears(/read in/);
  await stop();
});

it('discovery-agent attaches what appears and detaches what is gone', async () => {
  const { hears, stop } = run('discovery-agent.mjs', service);
  for (const nqn of nqns) await hears(new RegExp(`\\+ ${nqn}: 1 namespaces, 4194304 bytes`));
  const listen = { nqn: nqns[1], listen_address: { ...listener, adrfam: 'IPv4' } };
  await target.call('nvmf_subsystem_remove_listener', listen);
  await hears(new RegExp(`- ${nqns[1]}`));
  await target.call('nvmf_subsystem_add_listener', listen);
  await hears(new RegExp(`- ${nqns[1]}[^]*\\+ ${nqns[1]}`));
  await stop();
});

it('nbd-export carries an image to the disk and back, for a real NBD client', async () => {
  const { hears, output, stop } = run('nbd-export.mjs', '4480', `${service} subnqn:${inMemory}`);
  await hears(/listening/);
  const url = 'nbd://127.0.0.1:4480';
  const qemu = (program: string, ...args: string[]) => execa(program, args, { timeout: 20_000 });
  const info = JSON.parse((await qemu('qemu-img', 'info', '--output', 'json', url)).stdout);
  expect(info['virtual-size']).toBe(4 << 20);

  const image = path.join(folder, 'nbd-image');
  const back = path.join(folder, 'nbd-back');
  fs.writeFileSync(image, randomBytes(4 << 20));
  await qemu('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', image, url);
  await qemu('qemu-img', 'convert', '-f', 'raw', '-O', 'raw', url, back);
  expect(fs.readFileSync(back).equals(fs.readFileSync(image))).toBe(true);

  const parts = ['write -P 0x5a 4k 8k', 'flush', 'discard 1M 64k'];
  const reads = ['read -P 0x5a 4k 8k', 'read -P 0 1M 64k'];
  for (const words of [parts, reads]) {
    const commands = words.flatMap((word) => ['-c', word]);
    await qemu('qemu-io', '-f', 'raw', '-d', 'unmap', ...commands, url);
  }
  await stop();
  expect(output.said).not.toMatch(/Error/);
});

it('fenced-pair has one writer, and none that was replaced', async () => {
  const start = (name: string) => run('fenced-pair.mjs', `${service} subnqn:${inMemory}`, name);
  // One after the other: of two that start at once, either may replace the other.
  const left = start('left');
  await left.hears(/left writes from /);
  const right = start('right');
  // The first program is stopped, so it does not notice the takeover.
  left.child.kill('SIGSTOP');
  await right.hears(/right writes from /);
  left.child.kill('SIGCONT');
  await left.hears(/is fenced: .*Reservation Conflict/);
  for (const { child } of [left, right]) child.kill('SIGTERM');
  for (const { child, output } of [left, right]) expect((await child).exitCode, output.said).toBe(0);
});

it('multipath writes over both paths', async () => {
  const second = { ...listener, trsvcid: '4481', adrfam: 'IPv4' };
  await target.call('nvmf_subsystem_add_listener', { nqn: nqns[0], listen_address: second });
  const { hears, stop } = run('multipath.mjs', id, id.replace(listener.trsvcid, second.trsvcid));
  await hears(/wrote \d+ in [\d.]+ ms, over 127\.0\.0\.1:44(78|81) and 127\.0\.0\.1:44(78|81)/);
  await stop();
});
