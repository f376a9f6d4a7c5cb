import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Tally } from '../../cli/engine/measure/tally.js';
import { settled } from '../../cli/engine/process/watchdog.js';
import { SpdkError } from '../../lib/errors/spdk-error.js';

function newTally() {
  const lines: string[] = [];
  return { tally: new Tally((line) => lines.push(line)), lines };
}

const throwing = (error: unknown) => () => Promise.reject(error);

describe('the tally', () => {
  it('notes how long a success took', async () => {
    const { tally } = newTally();
    expect(await tally.measure('attach', () => sleep(20, 'yes'))).toBe('yes');
    const { max } = tally.latencies.attach.summary();
    expect(max).toBeGreaterThan(15);
    expect(max).toBeLessThan(10_000);
    expect(tally.latencies.detach.summary().max).toBeNull();
    expect(tally.failures).toBe(0);
  });

  it('counts failures by code, and those past a deadline as hangs', async () => {
    const { tally, lines } = newTally();
    const rejected = new SpdkError('ERR_SPDK_CONNECT_REJECTED', 'check `subnqn`');
    await tally.measure('attach', throwing(rejected));
    await tally.measure('attach', throwing(rejected));
    await tally.measure('attach', throwing(new SpdkError('ERR_SPDK_TIMEOUT', 'late')));
    await tally.measure('detach', throwing(new SpdkError('ERR_SPDK_WEDGED', 'stuck')));
    expect(tally.failuresByCode).toEqual({
      ERR_SPDK_CONNECT_REJECTED: 2,
      ERR_SPDK_TIMEOUT: 1,
      ERR_SPDK_WEDGED: 1,
    });
    expect(tally.hangs).toBe(2);
    expect(tally.latencies.attach.summary().max).toBeNull();
    expect(lines[0]).toBe('Warm-up loop 1: ERR_SPDK_CONNECT_REJECTED: check --nqn');
    tally.begin();
    tally.completed = 6;
    tally.fail('CODE', 'text');
    expect(lines.at(-2)).toBe('Loop 7: CODE: text');
  });

  it('reports the first failures only', () => {
    const { tally, lines } = newTally();
    for (let i = 0; i < 20; i++) tally.fail('CODE', `number ${i}`);
    expect(lines).toHaveLength(6);
    expect(lines.at(-1)).toBe('Further failures are only counted.');
    expect(tally.failures).toBe(20);
  });

  it('forgets the loops of the warm-up but not its failures', () => {
    const { tally } = newTally();
    tally.completed = 3;
    tally.fail('ERR_SPDK_TIMEOUT', 'late');
    tally.latencies.attach.add(1);
    tally.begin();
    expect(tally).toMatchObject({ loops: 0, hangs: 1, failuresByCode: { ERR_SPDK_TIMEOUT: 1 } });
    expect(tally.latencies.attach.summary().max).toBeNull();
  });
});

describe('the watchdog', () => {
  it('passes on what comes in time', async () => {
    await expect(settled('it', 1_000, Promise.resolve(5))).resolves.toBe(5);
    await expect(settled('it', 1_000, Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('settles for an operation that does not, and calls it a hang', async () => {
    const { tally } = newTally();
    await tally.measure('detach', () => settled('it', 20, new Promise(() => {})));
    expect(tally.hangs).toBe(1);
    expect(tally.failuresByCode).toEqual({ NO_ANSWER: 1 });
  });

  it('does not take for hanging what could not settle, because the whole process was stopped', async () => {
    // An event of the operating system, which comes after timers.
    const operation = readFile('package.json');
    const watched = settled('it', 20, operation);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
    await expect(watched).resolves.toBeInstanceOf(Buffer);
  });
});
