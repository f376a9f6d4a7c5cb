// The process stays alive while something is pending, also where timers are a test runner's.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';

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

/** Runs a program with a controller in memory whose target responds to nothing while `target.silent`. */
function run(polling: string, program: string) {
  const script = `
    import { Environment } from 'spdk-nvme';
    import { simulate } from 'spdk-nvme/testing';
    const target = simulate().addTarget();
    const subsystem = target.addSubsystem('nqn.2026-01.com.example:disk');
    const disk = subsystem.addNamespace(1);
    const env = await Environment.init();
    const controller = await env.attach(subsystem.id, { polling: '${polling}', keepAliveMs: 0 });
    const [queuePair] = controller.queuePairs;
    const [ns] = controller.namespaces;
    ${program}`;
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--no-warnings', '--input-type=module', '-e', script],
    { cwd: fileURLToPath(new URL('../..', import.meta.url)), encoding: 'utf8', timeout: 50_000 },
  );
  return { status, signal, stdout, stderr };
}

const ended = (stdout: string) => ({ status: 0, signal: null, stdout, stderr: '' });

describe.each(['adaptive', 'threads', 'inline'])('a process ends, with polling: %s', (polling) => {
  it('with completions that its batch never asks for', () => {
    const program = `
      target.latencyMs = 30;
      const batch = queuePair.openBatch();
      const send = (tag) => {
        batch.write(ns, env.allocate(512).fill(tag), 0, tag * 512, 512, tag);
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
    expect(run(polling, program)).toEqual(ended('2 3 1\n'));
  });

  it('with commands that nobody waits for any more, and that the controller never completes', () => {
    const program = `
      target.silent = true;
      const block = () => ({ offset: 0, timeoutMs: 30 });
      const codes = [
        ns.read(Buffer.alloc(512), block()),
        ns.read(Buffer.alloc(512), { ...block(), onTimeout: 'abort' }),
        ns.read(Buffer.alloc(512), { offset: 0, signal: AbortSignal.timeout(30) }),
      ].map((read) => read.catch(({ code }) => code));
      console.log(...(await Promise.all(codes)), queuePair.pending);`;
    expect(run(polling, program)).toEqual(ended('ERR_SPDK_TIMEOUT ERR_SPDK_TIMEOUT ERR_SPDK_ABORTED 3\n'));
  });

  it('with commands of a batch whose wait was given up, or that was closed', () => {
    const program = `
      target.silent = true;
      const batch = queuePair.openBatch();
      batch.read(ns, env.allocate(512), 0, 0, 512, 1);
      console.log(await batch.wait({ timeoutMs: 30 }).catch(({ code }) => code));
      process.once('beforeExit', async () => {
        console.log(await batch.wait({ signal: AbortSignal.timeout(30) }).catch(({ code }) => code));
        batch.submit();
        batch.close({ discard: true });
        const next = queuePair.openBatch();
        next.read(ns, env.allocate(512), 0, 0, 512, 1);
        next.submit();
        next.close({ discard: true });
        console.log(queuePair.pending);
      });`;
    expect(run(polling, program)).toEqual(ended('ERR_SPDK_TIMEOUT\nERR_SPDK_ABORTED\n2\n'));
  });

  it('not while a wait of a batch goes on, also for a place', () => {
    const program = `
      target.silent = true;
      const signal = AbortSignal.timeout(30);
      const reads = Array.from({ length: 200 }, () => ns.read(Buffer.alloc(512), { offset: 0, signal }));
      await Promise.allSettled(reads);
      const batch = queuePair.openBatch();
      const describe = () => batch.read(ns, env.allocate(512), 0, 0, 512, 1);
      setTimeout(() => (target.silent = false), 100).unref();
      console.log(describe(), await batch.wait(), describe(), await batch.wait());`;
    expect(run(polling, program)).toEqual(ended('false 0 true 1\n'));
  });

  it('not while a command is waited for after one whose end at the controller came too late to be waited for', () => {
    const program = `
      const late = (onTimeout) =>
        ns.write(Buffer.alloc(512), { offset: 0, timeoutMs: 30, onTimeout }).catch(({ outcome }) => outcome);
      target.silent = true;
      const outcomes = await Promise.all([late('abort'), late('reset')]);
      target.silent = false;
      while (queuePair.pending > 0 || controller.state !== 'attached')
        await new Promise((resolve) => setTimeout(resolve, 10));
      target.silent = true;
      setTimeout(() => (target.silent = false), 100).unref();
      await ns.write(Buffer.alloc(512, 5), { offset: 0 });
      console.log(...outcomes, disk.data[0]);`;
    expect(run(polling, program)).toEqual(ended('unknown unknown 5\n'));
  });

  it('not while another command is waited for, and what nobody waits for still ends', () => {
    const program = `
      target.silent = true;
      await ns.read(Buffer.alloc(512), { offset: 0, timeoutMs: 30 }).catch(({ code }) => console.log(code));
      const writing = ns.write(Buffer.alloc(512, 5), { offset: 0 });
      setTimeout(() => (target.silent = false), 100).unref();
      void writing.then(() => {
        console.log(disk.data[0]);
        setTimeout(() => console.log(queuePair.pending), 300);
      });`;
    expect(run(polling, program)).toEqual(ended('ERR_SPDK_TIMEOUT\n5\n0\n'));
  });
});
