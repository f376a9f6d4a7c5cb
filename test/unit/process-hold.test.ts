// The process stays alive while something is pending, also where timers are a test runner's.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

it('is held as long as one holder holds it, by one timer of its own', async () => {
  vi.resetModules();
  const { eventLoop } = await import('../../lib/internal/event-loop.js');
  const begun = vi.spyOn(eventLoop, 'setInterval');
  const { ProcessHold } = await import('../../lib/internal/process-hold.js');
  const [one, other] = [new ProcessHold(), new ProcessHold()];
  one.set(false);
  expect(begun).not.toHaveBeenCalled();
  one.set(true);
  one.set(true);
  const timer = begun.mock.results[0]?.value as NodeJS.Timeout;
  expect(timer.hasRef()).toBe(true);
  other.set(true);
  one.set(false);
  expect(timer.hasRef()).toBe(true);
  other.set(false);
  other.set(false);
  expect(timer.hasRef()).toBe(false);
  one.set(true);
  expect(timer.hasRef()).toBe(true);
  one.set(false);
  expect(begun).toHaveBeenCalledTimes(1);
  clearInterval(timer);
});

it.each(['adaptive', 'threads', 'inline'])(
  'ends with completions that its batch never asks for: %s',
  (polling) => {
    const script = `
    import { Environment } from 'spdk-nvme';
    import { simulate } from 'spdk-nvme/testing';
    const target = simulate().addTarget();
    target.latencyMs = 30;
    const subsystem = target.addSubsystem('nqn.2026-01.com.example:disk');
    const disk = subsystem.addNamespace(1);
    const env = await Environment.init();
    const controller = await env.attach(subsystem.id, { polling: '${polling}' });
    const batch = controller.queuePairs[0].openBatch();
    const send = (tag) => {
      batch.write(controller.namespaces[0], env.allocate(512).fill(tag), 0, tag * 512, 512, tag);
      batch.submit();
    };
    send(1);
    send(2);
    // Once nothing is pending: the commands that follow are.
    process.once('beforeExit', () => {
      const first = batch.reap();
      send(3);
      process.once('beforeExit', () => console.log(first, disk.data[3 * 512], batch.reap()));
    });`;
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      ['--no-warnings', '--input-type=module', '-e', script],
      { cwd: fileURLToPath(new URL('../..', import.meta.url)), encoding: 'utf8', timeout: 20_000 },
    );
    expect({ status, signal, stdout, stderr }).toEqual({
      status: 0,
      signal: null,
      stdout: '2 3 1\n',
      stderr: '',
    });
  },
);
