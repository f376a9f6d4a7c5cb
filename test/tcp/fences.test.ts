// The programs in the README and the documents do what they say: they are run, on the host, over TCP on loopback,
// against SPDK's own target, whose address takes the place of theirs.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { type FenceWorld, fences, moduleOf } from '../support/fences.js';

const api = path.resolve(import.meta.dirname, '../../lib/index.js');
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4493' } as const;
const nqn = (name: string) => `nqn.2026-11.dev.spdk-nvme:fences-${name}`;
const id = (name: string) =>
  `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn(name)}`;

let folder: string;
let target: SpdkTarget;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-fences-'));
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: ['first', 'second'].map((name) => ({
      nqn: nqn(name),
      serial: name.toUpperCase(),
      disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 },
    })),
  });
  ensureHugepages(256);
});
afterAll(async () => {
  await target.stop();
  fs.rmSync(folder, { recursive: true });
});
beforeEach(() => {
  // They print what they found, as the programs of readers would.
  for (const print of ['log', 'error'] as const) vi.spyOn(console, print).mockImplementation(() => {});
});

/** Runs a program with the variables that it does not declare; one that opens an environment of its own gets none. */
async function run(code: string, world: Partial<FenceWorld>): Promise<void> {
  const file = path.join(folder, `${fs.readdirSync(folder).length}.ts`);
  const text = moduleOf(code, api).replaceAll(/'trtype:\w+ [^']*'/g, (written) =>
    // Without a subsystem it is the target itself that is asked.
    written.includes('subnqn:') ? `'${id('second')}'` : `'${id('').replace(/ subnqn:.*/, '')}'`,
  );
  fs.writeFileSync(file, text);
  const { fence } = await import(/* @vite-ignore */ file);
  await fence(world);
}

/**
 * One that ends its process is an experiment for the fabric, which docs/internals/linger-lock.md describes; one that is a
 * test by itself is run by test/source/testing-guide.test.ts; those with keys are what authentication.test.ts does.
 */
const programs = fences().filter(
  ({ language, code }) =>
    ['ts', 'js'].includes(language) && !/process\.exit\(|from 'vitest'|\b(dhchap|tls): \{/.test(code),
);

it.each(programs)('$place', async ({ code }) => {
  if (/Environment\.(init|shared)/.test(code)) {
    await run(code, {});
    return;
  }
  await using env = await Environment.init({ memoryMb: 256 });
  // As another host, so that a program may attach the same subsystem.
  const controller = await env.attach(id('first'), { hostNqn: nqn('host') });
  const [ns] = controller.namespaces;
  await run(code, { env, controller, ns, id: id('second') });
  expect(controller.state).toBe('attached');
  expect(controller.stats().pending).toBe(0);
});
