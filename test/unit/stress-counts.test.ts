import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { type Counts, countsOf, leaked, rdmaOf, total, worst } from '../../cli/engine/measure/counts.js';
import { Retained } from '../../cli/engine/measure/garbage.js';
import {
  countResources,
  countWhenQuiet,
  countWhenStable,
  hugepageFiles,
  hugepagesTaken,
  rdmaCounts,
} from '../../cli/engine/measure/resources.js';
import { explain, Failure } from '../../cli/engine/process/exit.js';
import { Patience } from '../../cli/engine/process/patience.js';

const none = countsOf(() => 0);
const counts = (some: Partial<Counts>): Counts => ({ ...none, ...some });

describe('leaks', () => {
  it('are what there is more of than before', () => {
    expect(leaked(counts({ qp: 1, fd: 20 }), counts({ qp: 4, fd: 20, mr: 2 }))).toEqual(
      counts({ qp: 3, mr: 2 }),
    );
  });

  it('are not made up for by having less of something else', () => {
    const leaks = leaked(counts({ fd: 20, qp: 1 }), counts({ fd: 10, qp: 2 }));
    expect(leaks).toEqual(counts({ qp: 1 }));
    expect(total(leaks)).toBe(1);
  });

  it('are the worst of all places that were looked at', () => {
    expect(worst(counts({ qp: 1, fd: 3 }), counts({ qp: 2 }), none)).toEqual(counts({ qp: 2, fd: 3 }));
    expect(worst()).toEqual(none);
  });

  it('of RDMA are distinguished, and protection domains, which SPDK keeps, from them', () => {
    expect(rdmaOf(counts({ pd: 1, qp: 2, fd: 9 }))).toEqual({ cq: 0, qp: 2, cm_id: 0, mr: 0 });
  });
});

describe('what rdma says', () => {
  const summary = [
    { ifname: 'mlx5_0', pd: 9, cq: 9, qp: 9, cm_id: 9, mr: 9, ctx: 9 },
    { ifname: 'rxe0', pd: 1, cq: 4, qp: 1, cm_id: 2, mr: 0, ctx: 1 },
  ];

  it('counts for the one device, without completion queues that the kernel has pooled', () => {
    const queues = [
      { ifname: 'rxe0', users: 2 },
      { ifname: 'rxe0', users: 0 },
      { ifname: 'rxe0', users: 0, pid: 1234 },
      { ifname: 'rxe0', users: 1, pid: 1234 },
      { ifname: 'mlx5_0', users: 0 },
    ];
    expect(rdmaCounts('rxe0', summary, queues)).toEqual({ pd: 1, cq: 3, qp: 1, cm_id: 2, mr: 0 });
  });

  it.each([
    ['is not there', undefined, /^--rdma-device needs the program `rdma`.*apt-get install iproute2$/],
    ['fails', 'echo "no netlink" >&2; exit 1', /^--rdma-device needs `rdma -j .*which failed: no netlink$/],
    ['gives no JSON', 'echo rxe0', /^--rdma-device needs `rdma -j .*which failed: [^\n]+$/],
  ])('is explained in one line when it %s', async (_, script, why) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-rdma-'));
    if (script !== undefined)
      writeFileSync(path.join(folder, 'rdma'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    vi.stubEnv('PATH', folder);
    try {
      const error = await countResources('rxe0').catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Failure);
      expect(explain(error)).toMatch(why);
    } finally {
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true });
    }
  });

  it('is asked again when Ctrl-C on a terminal has ended it, too', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-rdma-'));
    const asked = path.join(folder, 'asked');
    const script = `test -e ${asked} || { >${asked}; kill -INT $$; }\necho '[{"ifname":"rxe0"}]'`;
    writeFileSync(path.join(folder, 'rdma'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    vi.stubEnv('PATH', folder);
    try {
      expect(await countResources('rxe0')).toMatchObject({ cq: expect.any(Number) });
    } finally {
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true });
    }
  });

  it('must know the device', () => {
    expect(() => rdmaCounts('rxe1', summary, [])).toThrow('does not list the device rxe1');
  });
});

describe('hugepages', () => {
  const meminfo = 'HugePages_Total:     256\nHugePages_Free:      128\nHugepagesize:       2048 kB\n';

  it('are those of this process, whatever others take', () => {
    expect(hugepagesTaken('VmPTE:  44 kB\nHugetlbPages:\t  131072 kB\n', meminfo)).toBe(64);
    expect(hugepagesTaken('HugetlbPages:\t       0 kB\n', meminfo)).toBe(0);
  });

  it('may not exist', () => {
    expect(hugepagesTaken('VmPTE:  44 kB\n', 'MemTotal: 5 kB\n')).toBe(0);
  });
});

describe('files of hugepages', () => {
  it('are not looked for where this process may not look', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-huge-'));
    // Another program of the machine has begun meanwhile.
    writeFileSync(path.join(folder, 'spdk_pid1map_0'), '');
    const own = `spdk_pid${process.pid}map_0`;
    writeFileSync(path.join(folder, own), '');
    const mounts = `none /nonexistent hugetlbfs rw 0 0\nnone ${folder} hugetlbfs rw 0 0\n`;
    expect(hugepageFiles(mounts)).toEqual([path.join(folder, own)]);
    rmSync(folder, { recursive: true });
  });
});

describe('waiting until all is quiet', () => {
  const replay = (...samples: Counts[]) => {
    let taken = 0;
    return async () => samples[Math.min(taken++, samples.length - 1)] ?? none;
  };

  it('waits for the target to take its side down', async () => {
    const count = replay(counts({ qp: 5 }), counts({ qp: 5 }), counts({ qp: 5 }), counts({ qp: 1 }));
    expect(await countWhenQuiet(count, counts({ qp: 1 }), new Patience(5_000))).toEqual(counts({ qp: 1 }));
  });

  it('gives what is left when the time is over', async () => {
    const start = performance.now();
    expect(await countWhenQuiet(replay(counts({ qp: 5 })), counts({ qp: 1 }), new Patience(600))).toEqual(
      counts({ qp: 5 }),
    );
    expect(performance.now() - start).toBeGreaterThanOrEqual(600);
  });

  it('does not wait where nothing is too many', async () => {
    const start = performance.now();
    expect(await countWhenQuiet(replay(none), none, new Patience(5_000))).toEqual(none);
    expect(performance.now() - start).toBeLessThan(4_000);
  });

  it('goes on until counts agree where there is no reference for a kind', async () => {
    const reference = counts({ qp: 1, threads: Number.POSITIVE_INFINITY });
    const count = replay(counts({ threads: 9 }), counts({ threads: 8 }), counts({ threads: 7 }));
    expect(await countWhenStable(count, reference, new Patience(5_000))).toEqual(counts({ threads: 7 }));
  });

  it('gives up on counts that never agree', async () => {
    let threads = 0;
    const count = async () => counts({ threads: threads++ });
    const start = performance.now();
    await countWhenStable(
      count,
      countsOf(() => Number.POSITIVE_INFINITY),
      new Patience(600),
    );
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  it.each([
    ['a target that does not rest', (patience: Patience) => countWhenQuiet(restless, none, patience)],
    ['counts that do not agree', (patience: Patience) => countWhenStable(restless, endless, patience)],
    ['a target, before they agree', (patience: Patience) => countWhenStable(restless, none, patience)],
    ['objects that stay', (patience: Patience) => retained.count(patience)],
  ])('%s: a signal ends it', async (_, wait) => {
    const abort = new AbortController();
    const waiting = wait(new Patience(10_000, abort.signal));
    await sleep(50);
    const begun = performance.now();
    abort.abort();
    await waiting;
    // A wait that begins after the signal is equally short.
    await wait(new Patience(10_000, abort.signal));
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  let qp = 1;
  const restless = async () => counts({ qp: qp++ });
  const endless = countsOf(() => Number.POSITIVE_INFINITY);
  const retained = new Retained();
  const held = {};
  retained.watch(held);
  afterAll(() => expect(held).toEqual({}));
});
