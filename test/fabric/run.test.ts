// The fabric as a command, from outside. It starts guests, so it is slow, and skipped where set-up has not made their files.
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa, type Options } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { prepareFabric } from '../../scripts/fabric/prepare.js';
import { killedAtEnd } from '../integration/support/killed-at-end.js';

const MAIN = ['--import', 'tsx', 'scripts/fabric/main.ts'];
const BOOT_MS = 240_000;

const prepared = await prepareFabric(() => {
  throw new Error('not prepared');
}).then(
  () => true,
  () => false,
);

/** `env` first, so that what the test asks for wins over where it runs. The guest ends with the process, and that with the test. */
function fabric(args: string[], options: Options = {}) {
  const child = execa(process.execPath, [...MAIN, ...args], {
    env: { SPDK_NVME_FABRIC: 'vm' },
    reject: false,
    stdin: 'ignore',
    ...options,
  });
  return killedAtEnd(child);
}

/** Waits for a text on stdout; what comes after it is read on. */
function printed(child: ReturnType<typeof fabric>, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      if (seen.includes(text)) resolve();
    });
    child.stdout?.once('end', () => reject(new Error(`It ended without ${text}`)));
  });
}

/** QEMUs that run with this folder to write to. */
async function guestsOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.startsWith('qemu-system') && command.includes(`path=${folder},`)) found.push(pid);
  }
  return found;
}

describe.skipIf(!prepared)('a command on the fabric', { timeout: BOOT_MS }, () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fabric-run-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has its output, its files and its status brought back', async () => {
    const script = `
      const bytes = Buffer.alloc(10_000_000);
      for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7 + (i >> 8)) & 255;
      require('node:fs').writeFileSync(process.env.SPDK_NVME_FABRIC_OUTPUT + '/report.json', '{}');
      console.error('to stderr');
      process.exitCode = 7;
      process.stdout.write(bytes);`;
    const lost = join(folder, '..', 'fabric-run-lost');
    const command = `touch ${lost}; rdma link >&2; nvme discover -t rdma -a 10.77.0.1 -s 4420 >&2; exec node -e "$0"`;
    const expected = Buffer.alloc(10_000_000);
    for (let i = 0; i < expected.length; i++) expected[i] = (i * 7 + (i >> 8)) & 255;
    const result = await fabric(['--quiet', '--output', folder, 'sh', '-c', command, script], {
      encoding: 'buffer',
    });
    expect(result.exitCode).toBe(7);
    const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    expect(digest(result.stdout as Uint8Array)).toBe(digest(expected));
    const stderr = Buffer.from(result.stderr as Uint8Array).toString();
    expect(stderr).toMatch(/rxe0.*ACTIVE/);
    expect(stderr).toMatch(/nqn\.2026-11\.dev\.spdk-nvme:disk0/);
    expect(stderr).toMatch(/to stderr$/);
    // What is written elsewhere is gone with the guest.
    expect(await readdir(join(folder, '..'))).not.toContain('fabric-run-lost');
    expect(await readFile(join(folder, 'report.json'), 'utf8')).toBe('{}');
    expect(await guestsOf(folder)).toEqual([]);
  });

  it('gets Ctrl-C, and no guest outlives it', async () => {
    const script = 'trap "echo stopped; exit 3" INT; echo started; while :; do sleep 0.1; done';
    const child = fabric(['--quiet', '--output', folder, 'sh', '-c', script]);
    await printed(child, 'started');
    expect(await guestsOf(folder)).toHaveLength(1);
    child.kill('SIGINT');
    const result = await child;
    expect(result.exitCode).toBe(3);
    expect(result.stdout).toContain('stopped');
    expect(await guestsOf(folder)).toEqual([]);
  });

  it('ends at its deadline', async () => {
    const result = await fabric(['--deadline', '1', '--output', folder, 'sleep', '1000']);
    expect(result.exitCode).toBe(124);
    expect(result.stderr).toMatch(/did not end within 1 s/);
    expect(await guestsOf(folder)).toEqual([]);
  });

  it('takes the guest along when its own process is killed', async () => {
    const child = fabric(['--output', folder, 'sh', '-c', 'echo started; sleep 1000']);
    await printed(child, 'started');
    child.kill('SIGKILL');
    await child;
    await vi.waitUntil(async () => (await guestsOf(folder)).length === 0, { timeout: 10_000 });
  });

  it('reports immediately that the guest’s kernel has died', async () => {
    const started = performance.now();
    const result = await fabric(['sh', '-c', 'echo started; echo c >/proc/sysrq-trigger; sleep 1000']);
    expect(result.exitCode).toBe(125);
    expect(result.stderr).toContain('Kernel panic - not syncing: sysrq triggered crash');
    expect(performance.now() - started).toBeLessThan(BOOT_MS / 2);
  });
});
