import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type PreparedChild, prepareChild, type StartedChild } from './support/child.js';
import { ids, open } from './support/fabric.js';
import { limits } from './support/limits.js';
import { type HugepageUse, hugepages } from './support/proc.js';
import { expectNothingHeld, rdmaUse } from './support/rdma.js';
import { type Step, steps, taskFor } from './support/task.js';
import { eventually, within } from './support/timing.js';

type EndingName = 'exit' | 'end' | 'throw' | 'hang';

let before: HugepageUse;
beforeAll(async () => {
  before = hugepages();
  await expectNothingHeld();
});

// Each child also proves that the one before it has left nothing behind that disturbs it.
afterEach(async () => {
  await expectNothingHeld();
  await eventually(limits.response, () => hugepages().free === before.free);
  expect(hugepages()).toEqual(before);
});

/** The next child, which is prepared while the present one runs. */
let next: PreparedChild | undefined;
afterAll(() => next?.kill());

function start(step: Step, ending: EndingName): Promise<StartedChild> {
  const child = next ?? prepareChild('process.mjs');
  next = prepareChild('process.mjs');
  return child.begin(JSON.stringify(taskFor(step)), ending);
}

describe('with a controller attached, a process', () => {
  it('calls process.exit()', async () => {
    const child = await start('attached', 'exit');
    expect(await child.ended).toMatchObject({ code: 7, signal: null, stderr: '' });
    expect((await child.ended).ms).toBeLessThan(limits.teardown);
  });

  it('has nothing left to do', async () => {
    const child = await start('attached', 'end');
    expect(await child.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect((await child.ended).ms).toBeLessThan(limits.teardown);
  });

  it('ends by an uncaught exception', async () => {
    const child = await start('attached', 'throw');
    const { code, signal, ms, stderr } = await child.ended;
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(stderr).toContain('thrown on purpose');
    expect(ms).toBeLessThan(limits.teardown);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('is ended by %s', async (signal) => {
    const child = await start('attached', 'hang');
    expect(await rdmaUse()).toMatchObject({ qp: 3, targetQueues: 3 });
    child.kill(signal);
    expect(await child.ended).toMatchObject({ code: null, signal });
    expect((await child.ended).ms).toBeLessThan(limits.teardown);
  });
});

describe('with operations outstanding, a process', () => {
  it('ends by an uncaught exception', async () => {
    const child = await start('reading', 'throw');
    const { code, signal, ms, stderr } = await child.ended;
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(stderr).toContain('thrown on purpose');
    expect(ms).toBeLessThan(limits.interrupted);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('is ended by %s', async (signal) => {
    const child = await start('reading', 'hang');
    child.kill(signal);
    expect(await child.ended).toMatchObject({ code: null, signal });
    expect((await child.ended).ms).toBeLessThan(limits.teardown);
  });
});

describe('process.exit()', () => {
  it.each(steps.filter((step) => step !== 'attached'))('while it is %s', async (step) => {
    const child = await start(step, 'exit');
    const { code, signal, ms, stderr } = await child.ended;
    expect({ code, signal, stderr }).toEqual({ code: 7, signal: null, stderr: '' });
    expect(ms).toBeLessThan(limits.interrupted);
  });
});

describe('what keeps a process alive', () => {
  it('is not an environment that is open', async () => {
    const { code, ms } = await (await start('open', 'end')).ended;
    expect(code).toBe(0);
    expect(ms).toBeLessThan(limits.teardown);
  });

  it.each<Step>(['opening', 'attaching', 'detaching'])('is one that is %s', async (step) => {
    const { code, ms, stdout } = await (await start(step, 'end')).ended;
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').slice(1)).toEqual(['{"outcome":"fulfilled"}']);
    expect(ms).toBeLessThan(limits.attach + limits.teardown);
  });

  it('is an attach that gets no response, until its limit', async () => {
    const { code, ms, stdout } = await (await start('waiting', 'end')).ended;
    expect(code).toBe(0);
    expect(stdout).toContain('{"outcome":"ERR_SPDK_UNREACHABLE"}');
    expect(ms).toBeLessThan(limits.unreachable + limits.teardown);
  });
});

it('after all of these a process starts, attaches and closes as ever', async () => {
  const env = await within(limits.start + limits.attach, open());
  const controller = await within(limits.attach, env.attach(ids.disk0));
  await within(limits.detach, controller.detach());
  await within(limits.detach, env.close());
  // This process continues to run, and SPDK keeps its memory.
  before = hugepages();
});
