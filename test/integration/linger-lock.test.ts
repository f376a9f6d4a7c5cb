import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { ports } from './support/fabric.js';
import { expectNothingHeld } from './support/rdma.js';

const program = fileURLToPath(new URL('../../build/native/cm_race', import.meta.url));
const ids = 20;
/** The program's own watchdog ends it far sooner. */
const limitMs = 60_000;

beforeAll(() => {
  if (!existsSync(program)) {
    throw new Error(`${program} is not built; build it with: npm run test:native`);
  }
});

/** Runs the race of SPDK issue 3347 with real CM ids; see test/native/cm_race.cc. */
async function race(
  mode: 'with-lock' | 'without-lock',
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(program, [ports.rdma.traddr, mode, String(ids)], {
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.on('data', (text) => {
    output.stderr += text;
  });
  const [code] = await once(child, 'close');
  return { code, ...output };
}

describe('CM ids that are destroyed while another thread takes events off their channel', () => {
  it('hang without the linger lock, every one', { timeout: 2 * limitMs }, async () => {
    expect(await race('without-lock')).toEqual({
      code: 3,
      stdout: `0 of ${ids} ids destroyed, ${ids} hang in rdma_destroy_id\n`,
      stderr: '',
    });
    // The hung process was killed, and the kernel has freed its resources.
    await expectNothingHeld(10_000);
  });

  it('are all destroyed with it', { timeout: 2 * limitMs }, async () => {
    expect(await race('with-lock')).toEqual({
      code: 0,
      stdout: `${ids} of ${ids} ids destroyed, 0 hang in rdma_destroy_id\n`,
      stderr: '',
    });
    await expectNothingHeld(10_000);
  });
});
