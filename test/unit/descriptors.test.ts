// What a process does that can open no more files for a moment.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a program prints as JSON that may have 64 open files, and has `fill()` and `free()`. */
function printed(steps: string): unknown {
  const program = `
    import { closeSync, openSync } from 'node:fs';
    import { Environment, spdkVersion } from ${JSON.stringify(`${root}/dist/index.js`)};
    import { simulate } from ${JSON.stringify(`${root}/dist/testing/index.js`)};
    const held = [];
    const fill = () => { try { for (;;) held.push(openSync('/dev/null', 'r')); } catch {} };
    const free = () => { for (const one of held.splice(0)) closeSync(one); };
    const outcome = async (call) => {
      try { await call(); return 'ok'; } catch (error) { return error.code; }
    };
    ${steps}`;
  const args = ['--nofile=64', process.execPath, '--input-type=module', '-e', program];
  const { stdout, stderr } = spawnSync('prlimit', args, { encoding: 'utf8', timeout: 20_000 });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

it('The addon is loaded as soon as a file can be opened again, and nothing is said of bundlers before', () => {
  const outcomes = printed(`
    fill();
    const outcomes = [await outcome(spdkVersion), await outcome(() => Environment.init())];
    free();
    console.log(JSON.stringify([...outcomes, await outcome(spdkVersion)]));`);
  expect(outcomes).toEqual(['ERR_SPDK_NO_DESCRIPTORS', 'ERR_SPDK_NO_DESCRIPTORS', 'ok']);
});

it('A machine whose host files cannot be read for that reason is no other host', () => {
  const outcomes = printed(`
    const simulation = simulate();
    const subsystem = simulation.addTarget().addSubsystem('nqn.2026-11.dev.spdk-nvme:disk');
    const env = await Environment.init();
    const hostId = '8f3b416d-81bd-47ac-95c5-78f60a9dd181';
    await outcome(() => env.attach(subsystem.id, { hostNqn: 'nqn.2026-11.dev.spdk-nvme:host', hostId }));
    fill();
    const calls = [
      outcome(() => env.attach(subsystem.id)),
      outcome(() => env.attachSubsystem([subsystem.id])),
      outcome(() => env.discover(subsystem.id)),
      outcome(() => env.watchDiscovery(subsystem.id)),
      outcome(() => env.attachAll(subsystem.id)),
      outcome(() => env.attach(subsystem.id, { hostNqn: 'nqn.2026-11.dev.spdk-nvme:other', hostId })),
    ];
    free();
    console.log(JSON.stringify([...await Promise.all(calls), await outcome(() => env.attach(subsystem.id))]));
    await env.close();`);
  const full = 'ERR_SPDK_NO_DESCRIPTORS';
  expect(outcomes).toEqual([full, 'ERR_SPDK_NO_PATH', full, full, full, 'ok', 'ok']);
});

it('A machine whose host files were read before is the same host without a descriptor', () => {
  const outcomes = printed(`
    const subsystem = simulate().addTarget().addSubsystem('nqn.2026-11.dev.spdk-nvme:disk');
    const env = await Environment.init();
    await env.attach(subsystem.id);
    fill();
    const again = await outcome(() => env.attach(subsystem.id));
    free();
    console.log(JSON.stringify(again));
    await env.close();`);
  expect(outcomes).toBe('ERR_SPDK_ALREADY_ATTACHED');
});
