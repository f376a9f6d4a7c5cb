// What the doctor says of machines that are made of files: cgroups, hugepages, RDMA and the host's identity.
// Longer than other files: a list of short cases for each check.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { errorCatalogue, SpdkError, type TransportId } from 'spdk-nvme';
import { afterAll, describe, expect, it } from 'vitest';
import { cgroupRoom } from '../../cli/checks/cgroup.js';
import { failure } from '../../cli/checks/finding.js';
import { checkIdentity } from '../../cli/checks/identity.js';
import { checkFileSize, checkMounts, checkSeccomp, checkSocketBuffers } from '../../cli/checks/kernel.js';
import { Machine } from '../../cli/checks/machine.js';
import {
  checkAddressSpace,
  checkHugepages,
  checkMemlock,
  checkMemoryLimit,
  checkOpenFiles,
  checkThreads,
} from '../../cli/checks/memory.js';
import { checkRdma } from '../../cli/checks/rdma.js';
import {
  checkPort,
  checkRead,
  checkRoute,
  ofError,
  remedyOf,
  routeArguments,
} from '../../cli/checks/target.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));
const MiB = 2 ** 20;
const session = 64 * MiB;

let made = 0;
/** A machine with these files. A file without text is a folder. */
function machineOf(
  files: Readonly<Record<string, string | number>>,
  addresses: Readonly<Record<string, string[]>> = {},
): Machine {
  const root = path.join(folder, String(made++));
  mkdirSync(root);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(root + file), { recursive: true });
    writeFileSync(root + file, `${text}\n`);
  }
  return Object.assign(new Machine(root), {
    addresses: (device: string) => addresses[device] ?? [],
    run: () => '\thca_id:\trxe0\n\t\t\tactive_mtu:\t\t1024 (3)\n',
  });
}

const pids = { v1: [['pids.max', 'pids.current']], v2: [['pids.max', 'pids.current']] } as const;
const v2Mount = '30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw';
const v1Mounts = [
  '33 32 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct',
  '34 32 0:30 / /sys/fs/cgroup/pids rw shared:10 - cgroup cgroup rw,pids',
  '35 32 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
].join('\n');

describe('the cgroup of a resource', () => {
  it('is found in version 2, and the one above it may leave less', () => {
    const machine = machineOf({
      '/proc/self/cgroup': '0::/user.slice/one.scope',
      '/proc/self/mountinfo': v2Mount,
      '/sys/fs/cgroup/user.slice/one.scope/pids.max': 'max',
      '/sys/fs/cgroup/user.slice/pids.max': 1000,
      '/sys/fs/cgroup/user.slice/pids.current': 900,
    });
    expect(cgroupRoom(machine, 'pids', pids)).toEqual({
      left: 100,
      limit: 1000,
      file: '/sys/fs/cgroup/user.slice/pids.max',
    });
  });

  it('is that of its own hierarchy in version 1, whatever the others say', () => {
    const machine = machineOf({
      '/proc/self/cgroup': '9:name=systemd:/init\n5:cpu,cpuacct:/other\n4:pids:/mine\n0::/',
      '/proc/self/mountinfo': v1Mounts,
      '/sys/fs/cgroup/pids/mine/pids.max': 300,
      '/sys/fs/cgroup/pids/mine/pids.current': 10,
      '/sys/fs/cgroup/pids/other/pids.max': 5,
      '/sys/fs/cgroup/pids/init/pids.max': 6,
    });
    expect(cgroupRoom(machine, 'pids', pids)).toMatchObject({ left: 290, limit: 300 });
  });

  it('is in version 2 where the machine has both and no hierarchy of version 1 has it', () => {
    const machine = machineOf({
      '/proc/self/cgroup': '1:cpu,cpuacct:/other\n0::/mine',
      '/proc/self/mountinfo': v1Mounts,
      '/sys/fs/cgroup/unified/mine/pids.max': 20,
      '/sys/fs/cgroup/unified/mine/pids.current': 20,
      '/sys/fs/cgroup/pids/mine/pids.max': 5,
    });
    expect(cgroupRoom(machine, 'pids', pids)).toMatchObject({ left: 0, limit: 20 });
  });

  it('is at the mount of a container that sees only its own', () => {
    const machine = machineOf({
      '/proc/self/cgroup': '4:pids:/docker/abc/inner',
      '/proc/self/mountinfo': '34 32 0:30 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids',
      '/sys/fs/cgroup/pids/pids.max': 40,
      '/sys/fs/cgroup/pids/inner/pids.max': 30,
    });
    expect(cgroupRoom(machine, 'pids', pids)).toMatchObject({ limit: 30 });
  });

  it('may be without a limit, or not be there', () => {
    const machine = machineOf({
      '/proc/self/cgroup': '4:pids:/',
      '/proc/self/mountinfo': v1Mounts,
      '/sys/fs/cgroup/pids/pids.max': '9223372036854771712',
    });
    expect(cgroupRoom(machine, 'pids', pids)).toBeUndefined();
    expect(cgroupRoom(machineOf({}), 'pids', pids)).toBeUndefined();
  });
});

const limits = (processes: string | number, memlock: string | number) =>
  `Limit  Soft Limit  Hard Limit  Units\nMax processes  ${processes}  ${processes}  processes\nMax locked memory  ${memlock}  ${memlock}  bytes`;
const root = { '/proc/self/status': 'CapEff:\t000001ffffffffff', '/proc/self/uid_map': '0 0 4294967295' };

describe('threads', () => {
  it('are limited by the cgroup, also for root, and what it has used counts', () => {
    const machine = machineOf({
      ...root,
      '/proc/self/limits': limits(10, 'unlimited'),
      '/proc/self/cgroup': '0::/one',
      '/proc/self/mountinfo': v2Mount,
      '/sys/fs/cgroup/one/pids.max': 600,
      '/sys/fs/cgroup/one/pids.current': 550,
    });
    expect(checkThreads(machine)).toMatchObject({
      level: 'failure',
      text: expect.stringContaining('50 of 600 left'),
      remedy: expect.stringMatching(/^echo 806 > \/sys\/fs\/cgroup\/one\/pids\.max /),
    });
  });

  it('are limited by ulimit, but for root', () => {
    const few = { '/proc/self/limits': limits(100, 'unlimited') };
    expect(checkThreads(machineOf(few))).toMatchObject({ level: 'failure', remedy: 'ulimit -u 4096' });
    expect(checkThreads(machineOf({ ...few, ...root }))).toMatchObject({ level: 'ok', text: 'unlimited' });
  });
});

describe('open files', () => {
  it.each([
    ['unlimited', 'ok'],
    [162, 'ok'],
    // 2 that are open, 32 of DPDK, and 128 or 32 hugepages.
    [161, 'warning'],
    [66, 'warning'],
    [65, 'failure'],
  ])('of which there may be %s: %s', (limit, level) => {
    const machine = machineOf({
      '/proc/self/limits': `Max open files            ${limit}              4096                files`,
      '/proc/self/fd/0': '',
      '/proc/self/fd/1': '',
      '/proc/meminfo': 'Hugepagesize:       2048 kB',
    });
    expect(checkOpenFiles(machine, session)).toMatchObject({
      level,
      ...(level === 'ok' ? {} : { remedy: expect.stringContaining('ulimit -n 4096') }),
    });
  });
});

describe('the memory of the cgroup', () => {
  const v2 = (max: number | string) => ({
    '/proc/self/cgroup': '0::/one',
    '/proc/self/mountinfo': v2Mount,
    '/sys/fs/cgroup/one/memory.max': max,
    '/sys/fs/cgroup/one/memory.current': 90 * MiB,
  });
  const v1 = {
    '/proc/self/cgroup': '4:memory:/one\n0::/',
    '/proc/self/mountinfo': '34 32 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
    '/sys/fs/cgroup/memory/one/memory.limit_in_bytes': 100 * MiB,
  };

  it.each([
    ['of version 2', v2(100 * MiB), '/sys/fs/cgroup/one/memory.max'],
    ['of version 1', v1, '/sys/fs/cgroup/memory/one/memory.limit_in_bytes'],
  ])('%s is little', (_, files, file) => {
    expect(checkMemoryLimit(machineOf(files))).toEqual([
      {
        check: 'memory of the cgroup',
        level: 'warning',
        text: expect.stringContaining('100 MiB; Node.js and SPDK take'),
        remedy: expect.stringContaining(` > ${file}  (as root;`),
      },
    ]);
  });

  it('is little, beside one above that has less left of more', () => {
    const files = {
      ...v2(100 * MiB),
      '/sys/fs/cgroup/memory.max': 512 * MiB,
      '/sys/fs/cgroup/memory.current': 511 * MiB,
    };
    expect(checkMemoryLimit(machineOf(files))).toMatchObject([{ level: 'warning' }]);
  });

  it('is enough, though most of it is in use as a cache of files', () => {
    expect(checkMemoryLimit(machineOf(v2(512 * MiB)))).toEqual([]);
    expect(checkMemoryLimit(machineOf(v2('max')))).toEqual([]);
    expect(checkMemoryLimit(machineOf({}))).toEqual([]);
  });
});

describe('locked memory', () => {
  const little = { '/proc/self/limits': limits('unlimited', 65_536) };
  const contained = { ...root, '/proc/self/uid_map': '0 100000 65536' };

  it.each([
    ['of a user', little, false, 'warning'],
    ['of a user with an RDMA target', little, true, 'failure'],
    ['of root', { ...little, ...root }, true, 'ok'],
    ['of root of a user namespace, which does not count', { ...little, ...contained }, true, 'failure'],
    ['without a limit', { '/proc/self/limits': limits(1, 'unlimited') }, true, 'ok'],
  ] as const)('%s', (_, files, forRdma, level) => {
    expect(checkMemlock(machineOf(files), forRdma)).toMatchObject({ level });
  });
});

describe('address space', () => {
  it.each([
    ['unlimited', 'ok'],
    [2 ** 41, 'ok'],
    [100 * 2 ** 30, 'warning'],
    [4_096_000_000, 'failure'],
  ] as const)('of %s bytes', (bytes, level) => {
    const files = { '/proc/self/limits': `Max address space  ${bytes}  ${bytes}  bytes` };
    expect(checkAddressSpace(machineOf(files))).toMatchObject({ level });
  });
});

describe('what SPDK reads', () => {
  const whole = { '/proc/self/fd/0': '', '/proc/meminfo': '', '/sys/devices/system/cpu/online': '0-1' };
  const without = (...names: (keyof typeof whole)[]) =>
    machineOf(Object.fromEntries(Object.entries(whole).filter(([name]) => !names.includes(name as never))));

  it('is there, or it is said what is missing', () => {
    expect(checkMounts(machineOf(whole))).toEqual([]);
    expect(checkMounts(without('/proc/self/fd/0', '/proc/meminfo'))).toMatchObject([
      { check: '/proc', level: 'failure', remedy: expect.stringContaining('mount -t proc') },
    ]);
    expect(checkMounts(without('/proc/meminfo'))).toMatchObject([
      { check: '/proc', level: 'failure', remedy: expect.stringContaining('ProcSubset=all') },
    ]);
    expect(checkMounts(without('/sys/devices/system/cpu/online'))).toMatchObject([
      { check: '/sys', level: 'failure', remedy: expect.stringContaining('mount -t sysfs') },
    ]);
    expect(checkMounts(new Machine())).toEqual([]);
  });
});

describe('system calls', () => {
  const status = (seccomp: number, capabilities: string) => ({
    '/proc/self/status': `CapEff:\t${capabilities}\nSeccomp:\t${seccomp}`,
    '/proc/self/uid_map': '0 0 4294967295',
  });

  it('may be forbidden by a filter, but not with the capability for them', () => {
    const docker = '00000000a80425fb';
    expect(checkSeccomp(machineOf(status(2, docker)))).toMatchObject([
      { level: 'warning', remedy: expect.stringContaining('SYS_NICE') },
    ]);
    expect(checkSeccomp(machineOf(status(2, '00000000a88425fb')))).toEqual([]);
    expect(checkSeccomp(machineOf(status(0, docker)))).toEqual([]);
    expect(checkSeccomp(machineOf({}))).toEqual([]);
  });
});

describe('the size of files', () => {
  const limited = (bytes: number | string) =>
    machineOf({
      '/proc/self/limits': `Limit  Soft Limit  Hard Limit  Units\nMax file size  ${bytes}  ${bytes}  bytes`,
    });

  it('is a limit of hugepages, too', () => {
    const check = (bytes: number | string) => checkFileSize(limited(bytes), session, 256 * MiB);
    expect(check('unlimited')).toEqual([]);
    expect(check(256 * MiB)).toEqual([]);
    expect(check(session)).toMatchObject([{ level: 'warning', text: expect.stringContaining('256 MiB') }]);
    expect(check(0)).toMatchObject([{ level: 'failure', remedy: expect.stringContaining('ulimit -f') }]);
  });
});

describe('socket buffers', () => {
  const limits = (rmem: number, wmem: number) =>
    machineOf({ '/proc/sys/net/core/rmem_max': rmem, '/proc/sys/net/core/wmem_max': wmem });

  it('that Linux keeps smaller than SPDK asks for are a warning', () => {
    expect(checkSocketBuffers(limits(212_992, 212_992))).toMatchObject([
      {
        level: 'warning',
        remedy: expect.stringContaining('net.core.rmem_max=4194304 net.core.wmem_max=4194304'),
      },
    ]);
    expect(checkSocketBuffers(limits(2 * MiB, 212_992))).toMatchObject([
      { level: 'warning', remedy: expect.stringMatching(/^sysctl -w net\.core\.wmem_max=4194304 /) },
    ]);
    expect(checkSocketBuffers(limits(2 * MiB, 4 * MiB))).toEqual([]);
  });

  it('have no limits that a container could see', () => {
    expect(checkSocketBuffers(machineOf({}))).toEqual([]);
  });
});

describe('hugepages', () => {
  const pool = (folderName: string, total: number, free: number) => ({
    [`${folderName}/nr_hugepages`]: total,
    [`${folderName}/free_hugepages`]: free,
  });
  const pages = '/sys/kernel/mm/hugepages';
  const small = `${pages}/hugepages-2048kB`;
  const large = `${pages}/hugepages-1048576kB`;
  const node = (index: number) => `/sys/devices/system/node/node${index}/hugepages/hugepages-2048kB`;

  it('that are missing are added to the pool of their size, by its own file', () => {
    // All of the large ones are in use: their number must not reach the file of the small ones.
    const machine = machineOf({ ...pool(small, 100, 10), ...pool(large, 4, 0) });
    expect(checkHugepages(machine, session)).toEqual([
      {
        check: 'hugepages',
        level: 'failure',
        text: '20 MiB of 4.2 GiB free; --memory is 64 MiB',
        remedy: `echo ${100 + 118} > ${small}/nr_hugepages  (as root)`,
      },
    ]);
  });

  it('are enough for the doctor and not for the default of a program: a warning', () => {
    const machine = machineOf(pool(small, 64, 64));
    expect(checkHugepages(machine, session)).toMatchObject([
      { level: 'warning', text: expect.stringContaining('256 MiB by default') },
    ]);
    expect(checkHugepages(machine, 2 * session)).toMatchObject([{ level: 'warning' }]);
    expect(checkHugepages(machine, 3 * session)).toMatchObject([{ level: 'failure' }]);
  });

  it('that other processes have reserved are not free', () => {
    const machine = machineOf({ ...pool(small, 200, 200), [`${small}/resv_hugepages`]: 180 });
    expect(checkHugepages(machine, session)).toMatchObject([
      {
        level: 'failure',
        text: '40 MiB of 400 MiB free; --memory is 64 MiB',
        remedy: `echo ${200 + 108} > ${small}/nr_hugepages  (as root)`,
      },
    ]);
  });

  it('that the kernel adds count where none is free', () => {
    const overcommit = { [`${small}/nr_overcommit_hugepages`]: 200, [`${small}/surplus_hugepages`]: 60 };
    const text = '0 B of 120 MiB free, and 280 MiB that the kernel adds (overcommit)';
    expect(checkHugepages(machineOf({ ...pool(small, 60, 0), ...overcommit }), session)).toEqual([
      { check: 'hugepages', level: 'ok', text },
    ]);
    const few = { ...pool(small, 0, 0), [`${small}/nr_overcommit_hugepages`]: 20 };
    expect(checkHugepages(machineOf(few), session)).toMatchObject([
      { level: 'failure', remedy: `echo 128 > ${small}/nr_hugepages  (as root)` },
    ]);
    expect(checkHugepages(machineOf({ ...pool(small, 61, 1), ...overcommit }), session)).toMatchObject([
      { level: 'failure' },
    ]);
  });

  it('are shown by node, enough or not', () => {
    const nodes = { ...pool(node(0), 100, 100), ...pool(node(1), 100, 0) };
    const byNode = expect.stringContaining('(node0 200 MiB, node1 0 B)');
    expect(checkHugepages(machineOf({ ...pool(small, 200, 200), ...nodes }), session)).toMatchObject([
      { level: 'ok', text: byNode },
    ]);
    expect(checkHugepages(machineOf({ ...pool(small, 200, 0), ...nodes }), session)).toMatchObject([
      { level: 'failure', text: byNode },
    ]);
  });

  it('may be limited by the cgroup, in which others have taken some', () => {
    const machine = machineOf({
      ...pool(small, 1000, 1000),
      '/proc/self/cgroup': '0::/one',
      '/proc/self/mountinfo': v2Mount,
      '/sys/fs/cgroup/one/hugetlb.2MB.max': 100 * MiB,
      '/sys/fs/cgroup/one/hugetlb.2MB.current': 90 * MiB,
    });
    expect(checkHugepages(machine, session)[1]).toEqual({
      check: 'hugepages of the cgroup',
      level: 'failure',
      text: '10 MiB of 100 MiB left; --memory is 64 MiB',
      remedy: `echo ${346 * MiB} > /sys/fs/cgroup/one/hugetlb.2MB.max  (as root, outside of a container)`,
    });
  });
});

describe('RDMA', () => {
  const port = '/sys/class/infiniband/rxe0/ports/1';
  const device = {
    [`${port}/state`]: '4: ACTIVE',
    [`${port}/link_layer`]: 'Ethernet',
    [`${port}/gid_attrs/ndevs/0`]: 'eth1',
    '/sys/class/net/eth1/mtu': 1500,
  };
  const nodes = { '/dev/infiniband/uverbs0': '', '/dev/infiniband/rdma_cm': '' };
  const addresses = { eth1: ['192.0.2.7'] };

  it('is complete', () => {
    expect(checkRdma(machineOf({ ...device, ...nodes }, addresses), true)).toEqual([
      {
        check: 'RDMA device rxe0',
        level: 'ok',
        text: 'port 1 ACTIVE, RDMA MTU 1024, eth1 MTU 1500, 192.0.2.7',
      },
      { check: '/dev/infiniband', level: 'ok', text: 'rdma_cm, uverbs0' },
    ]);
  });

  it.each([
    ['no device', nodes, /^none/, /^rdma link add /],
    ['no rights folder', device, /no devices for user programs/, /^modprobe -a ib_uverbs rdma_ucm /],
    [
      'no connection manager',
      { ...device, '/dev/infiniband/uverbs0': '' },
      /only uverbs0/,
      /^modprobe -a rdma_ucm /,
    ],
    [
      'a port that is down',
      { ...device, ...nodes, [`${port}/state`]: '1: DOWN' },
      /DOWN/,
      /^ip link set eth1 up$/,
    ],
    [
      'an InfiniBand port without a network device',
      {
        ...nodes,
        [`${port}/state`]: '4: ACTIVE',
        [`${port}/link_layer`]: 'InfiniBand',
      },
      /no network device/,
      /^modprobe ib_ipoib$/,
    ],
    [
      'an InfiniBand port that waits for its subnet',
      { ...nodes, [`${port}/state`]: '2: INIT', [`${port}/link_layer`]: 'InfiniBand' },
      /INIT/,
      /^systemctl start opensm /,
    ],
  ])('lacks: %s; that is a failure for an RDMA target only', (_, files, text, remedy) => {
    const lacking = { text: expect.stringMatching(text), remedy: expect.stringMatching(remedy) };
    const machine = machineOf(files, addresses);
    expect(checkRdma(machine, false)).toContainEqual(
      expect.objectContaining({ level: 'warning', ...lacking }),
    );
    expect(checkRdma(machine, true)).toContainEqual(
      expect.objectContaining({ level: 'failure', ...lacking }),
    );
  });

  it('needs one port only', () => {
    const other = '/sys/class/infiniband/rxe1/ports/1/state';
    const findings = checkRdma(machineOf({ ...device, ...nodes, [other]: '1: DOWN' }, addresses), true);
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'warning', 'ok']);
  });

  it('needs an address', () => {
    expect(checkRdma(machineOf({ ...device, ...nodes }), true)[0]).toMatchObject({
      level: 'failure',
      remedy: expect.stringMatching(/^ip address add 192\.0\.2\.2\/24 dev eth1 /),
    });
  });
});

describe('the identity of the host', () => {
  const nqn = 'nqn.2026-11.dev.spdk-nvme:host1';
  const uuid = 'b1cc6dd6-05ba-4e39-a6a8-a5c0e54d5d13';

  it.each([
    ['both files', { hostnqn: nqn, hostid: uuid }, 'ok', `${nqn}, id ${uuid}`],
    ['an identifier only', { hostid: uuid }, 'ok', `nqn.2014-08.org.nvmexpress:uuid:${uuid}, id ${uuid}`],
    ['none', {}, 'warning', /each process has another host NQN/],
    ['a malformed NQN', { hostnqn: 'host1' }, 'warning', /hostnqn is not used: /],
    ['a malformed identifier', { hostnqn: nqn, hostid: 'x' }, 'warning', /hostid is not used: /],
  ])('%s', (_, files, level, text) => {
    const machine = machineOf(
      Object.fromEntries(Object.entries(files).map(([name, line]) => [`/etc/nvme/${name}`, line])),
    );
    expect(checkIdentity(machine, {})).toMatchObject({ level, text: expect.stringMatching(text) });
    expect(checkIdentity(machine, { hostnqn: nqn, hostid: uuid })).toMatchObject({
      level: 'ok',
      text: `${nqn}, id ${uuid}`,
    });
  });
});

it.each([{}, { hostnqn: 'host1' }, { hostnqn: 'nqn.2026-11.dev.spdk-nvme:host1', hostid: 'x' }])(
  'the command for the identity %j works without nvme-cli and uuidgen',
  (files) => {
    const machine = machineOf(
      Object.fromEntries(Object.entries(files).map(([name, line]) => [`/etc/nvme/${name}`, line])),
    );
    const programs = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-programs-'));
    for (const name of ['cat', 'mkdir']) symlinkSync(`/bin/${name}`, path.join(programs, name));
    const remedy = checkIdentity(machine, {}).remedy?.replace(/ {2}\([^)]*\)$/, '') ?? '';
    expect(remedy).toContain(' /etc/nvme/');
    const command = remedy.replaceAll(' /etc/nvme', ` ${machine.root}/etc/nvme`);
    const ended = spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8', env: { PATH: programs } });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(checkIdentity(machine, {}).level).toBe('ok');
    rmSync(programs, { recursive: true });
  },
);

describe('the target', () => {
  const id = (traddr: string) =>
    ({ trtype: 'TCP', adrfam: 'IPv6', traddr, trsvcid: '1', subnqn: 'nqn.2014-08.org:a' }) as TransportId;

  it('is asked for with its scope, and from the address that was named', () => {
    expect(routeArguments('192.0.2.1')).toEqual(['route', 'get', '192.0.2.1']);
    expect(routeArguments('fe80::1%eth1', 'fe80::2%eth1')).toEqual([
      'route',
      'get',
      'fe80::1',
      'from',
      'fe80::2',
      'oif',
      'eth1',
    ]);
  });

  it.each(['0.0.0.0', '::'])('is this machine at %s', async (any) => {
    const text = expect.stringContaining('this machine');
    expect(await checkRoute(id(any))).toMatchObject({ level: 'warning', text });
  });

  it('has a route from an address of this machine only', async () => {
    expect(await checkRoute(id('127.0.0.1'), '127.0.0.1')).toMatchObject({
      level: 'ok',
      text: expect.stringMatching(/^local 127\.0\.0\.1 from 127\.0\.0\.1/),
      ms: expect.any(Number),
    });
    expect(await checkRoute(id('127.0.0.1'), '192.0.2.77')).toMatchObject({
      level: 'failure',
      remedy: 'ping -c1 -I 192.0.2.77 127.0.0.1',
    });
  });

  it('is connected from the address that was named', async () => {
    expect(await checkPort(id('127.0.0.1'), { timeout: 500, hostTraddr: '192.0.2.77' })).toMatchObject({
      level: 'failure',
      text: expect.stringContaining('EADDRNOTAVAIL'),
      remedy: 'nc -zv -s 192.0.2.77 127.0.0.1 1',
    });
  });

  it('without a namespace is not passed over', async () => {
    const { signal } = new AbortController();
    expect(await checkRead({ namespaces: [] }, id('192.0.2.1'), { timeout: 500 }, signal)).toMatchObject({
      level: 'warning',
      text: 'the controller has no namespace',
      remedy: 'npx spdk-nvme list-ns -t tcp -a 192.0.2.1 -s 1 -n nqn.2014-08.org:a',
    });
  });

  it('fails for a reason with a remedy in the catalogue', () => {
    expect(remedyOf(Object.assign(new Error('x'), { code: 'ERR_SPDK_UNREACHABLE' }), 'ls')).toMatch(
      /firewall/,
    );
    expect(remedyOf(new Error('x'), 'ls')).toBe('ls');
    const { remedy } = errorCatalogue.ERR_SPDK_NO_DESCRIPTORS;
    const error = new SpdkError('ERR_SPDK_NO_DESCRIPTORS', `Too few. ${remedy}`);
    expect(ofError(failure, 'x', error, 'ls')).toMatchObject({
      text: 'ERR_SPDK_NO_DESCRIPTORS: Too few.',
      remedy,
    });
  });
});
