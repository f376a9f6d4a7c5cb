// Limits of the process, met at every step: an error with a code or success, in time, and the next try works once there
// is room again.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { release } from '../support/release.js';

/** The outcome of each step of children/limited.mjs: a code, `ok`, or two of these with `or` between. */
export type Outcomes = Record<'init' | 'attach' | 'io' | 'growth' | 'reset' | 'detach' | 'close', string>;

export interface LimitedPlace {
  readonly id: string;
  readonly expectNothingHeld: () => Promise<void>;
  /** The time limit of one step, while other processes of Node.js start. */
  readonly limitMs: number;
}

const program = fileURLToPath(new URL('../children/limited.mjs', import.meta.url));
/** Without this capability the limit on locked memory also applies to root. */
const memlock = [
  ...['prlimit', '--memlock=unlimited'],
  ...['setpriv', '--bounding-set=-ipc_lock', '--inh-caps=-ipc_lock'],
];
/** The commands that start a child, with a limit that it soon reaches. */
const command = (what: string) => ['prlimit', '--nofile=512', ...(what === 'memlock' ? memlock : [])];

const nothing: Outcomes = {
  init: 'ok',
  attach: 'ok',
  io: 'ok',
  growth: 'ok',
  reset: 'ok',
  detach: 'ok',
  close: 'ok',
};

/** A reset frees memory before it needs some; whether a piece is large enough depends on what lies around it. */
const ownMemory = 'ok or ERR_SPDK_NO_MEMORY';

/** What each limit changes, over every transport. */
export const limitsOfProcess: Record<string, Partial<Outcomes>> = {
  threads: { init: 'ERR_SPDK_NO_THREADS', attach: 'ERR_SPDK_NO_THREADS' },
  // A reset closes its descriptors before it opens others.
  descriptors: {
    init: 'ERR_SPDK_NO_DESCRIPTORS',
    attach: 'ERR_SPDK_NO_DESCRIPTORS',
    // From v26.01 on hugepages keep no descriptors open.
    growth: release() < 2601 ? 'ERR_SPDK_NO_MEMORY' : 'ok',
  },
  hugepages: {
    init: 'ERR_SPDK_NO_HUGEPAGES',
    attach: 'ERR_SPDK_NO_MEMORY',
    io: 'ERR_SPDK_NO_MEMORY',
    growth: 'ERR_SPDK_NO_MEMORY',
    reset: ownMemory,
  },
  // The limit of the cgroup on hugepages.
  hugetlb: {
    init: 'ERR_SPDK_NO_HUGEPAGES',
    attach: 'ERR_SPDK_NO_MEMORY',
    io: 'ERR_SPDK_NO_MEMORY',
    growth: 'ERR_SPDK_NO_MEMORY',
    reset: ownMemory,
  },
};

/** Declares a test for each limit and step. */
export function limitsMatrix(place: () => LimitedPlace, limits: Record<string, Partial<Outcomes>>): void {
  describe.each(Object.entries(limits))('no more %s', (what, changed) => {
    it.each(Object.entries({ ...nothing, ...changed }))('at %s: %s', async (at, code) => {
      const { id, expectNothingHeld, limitMs } = place();
      const [first = '', ...rest] = [
        ...command(what),
        process.execPath,
        program,
        JSON.stringify({ id, what, at }),
      ];
      const { status, signal, stdout, stderr } = spawnSync(first, rest, {
        encoding: 'utf8',
        timeout: limitMs,
        killSignal: 'SIGKILL',
      });
      expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
      const { step, under, after } = JSON.parse(stdout);
      expect({ step, after: after.outcome }).toEqual({ step: at, after: 'ok' });
      expect(code.split(' or ')).toContain(under.outcome);
      await expectNothingHeld();
    });
  });
}
