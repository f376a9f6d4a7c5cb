import { execFileSync, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { FabricError } from '../../scripts/fabric/errors.js';
import { jobScript, passedEnvironment } from '../../scripts/fabric/job.js';
import { parseMode } from '../../scripts/fabric/mode.js';
import { type MachineOptions, QEMU_FDS, qemuArguments } from '../../scripts/fabric/qemu.js';

const machine: MachineOptions = {
  accelerator: 'tcg',
  kernel: '/cache/vmlinux',
  initramfs: '/cache/initramfs.cpio',
  modules: '/cache/lib/modules/6.1.0',
  memoryMb: 1024,
  cpus: 2,
  hugepages: 64,
  stdin: false,
  tty: false,
};

describe('the command’s script', () => {
  it('hands on words that a shell would take apart', () => {
    const words = ['a b', "it's", '$HOME', '', '*', 'new\nline', '-n', '"', '\\', 'é'];
    const script = jobScript(['printf', '%s\\0', ...words], '/', { PATH: '/usr/bin:/bin' });
    const output = execFileSync('/bin/sh', ['-c', script]).toString();
    expect(output.split('\0').slice(0, -1)).toEqual(words);
  });

  it('gives it its folder and exactly its variables', () => {
    const env = { PATH: '/usr/bin:/bin', ODD: "a'b c", 'with-dash': '1' };
    const run = (command: string) =>
      execFileSync('/bin/sh', ['-c', jobScript([command], tmpdir(), env)])
        .toString()
        .trim();
    expect(run('pwd')).toBe(tmpdir());
    expect(run('env').split('\n').sort()).toEqual(
      Object.entries(env)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    );
  });

  it.each([
    ['a command that is missing', 'no-such-command', 127],
    ['one that cannot be run', '/etc/passwd', 126],
  ])('ends as a shell does for %s', (_, command, status) => {
    const script = jobScript([command], '/', { PATH: '/usr/bin:/bin' });
    expect(spawnSync('/bin/sh', ['-c', script]).status).toBe(status);
  });

  it('passes on only the variables that a test may need', () => {
    const env = { PATH: '/bin', SPDK_PREFIX: '/opt', NODE_OPTIONS: '-r x', SECRET: 'no', UNSET: undefined };
    expect(passedEnvironment(env)).toEqual({ PATH: '/bin', SPDK_PREFIX: '/opt', NODE_OPTIONS: '-r x' });
  });
});

describe('QEMU’s arguments', () => {
  const value = (args: string[], option: string) => args[args.indexOf(option) + 1] ?? '';

  it('shares the host’s files read-only and one folder to write', () => {
    const shares = (share?: string) =>
      qemuArguments({ ...machine, share }).filter((a) => a.startsWith('local,'));
    expect(shares()).toEqual([expect.stringMatching(/path=\/,.*readonly=on/)]);
    expect(shares('/tmp/a,b')[1]).toMatch(/path=\/tmp\/a,,b,mount_tag=share/);
    expect(shares('/tmp/a,b')[1]).not.toMatch(/readonly/);
  });

  it('names paths in the kernel’s parameters without blanks', () => {
    const append = value(qemuArguments({ ...machine, share: '/tmp/with blank' }), '-append');
    expect(append.split(' ')).toContain(`fabric.share=${Buffer.from('/tmp/with blank').toString('base64')}`);
    expect(append.split(' ')).toContain('hugepages=64');
  });

  it('uses every channel that the process opens', () => {
    const args = qemuArguments(machine).join(' ');
    for (const [name, fd] of Object.entries(QEMU_FDS)) expect(args).toContain(`socket,id=${name},fd=${fd}`);
  });

  it('asks for the accelerator it is given', () => {
    expect(value(qemuArguments(machine), '-accel')).toMatch(/^tcg,thread=multi/);
    expect(value(qemuArguments({ ...machine, accelerator: 'kvm' }), '-accel')).toBe('kvm');
  });
});

describe('SPDK_NVME_FABRIC', () => {
  it.each([
    [undefined, 'auto'],
    ['auto', 'auto'],
    ['vm', { kind: 'vm' }],
    ['host', { kind: 'host' }],
    ['host:mlx5_0', { kind: 'host', device: 'mlx5_0' }],
  ])('%s', (text, mode) => {
    expect(parseMode(text)).toEqual(mode);
  });

  it.each(['guest', 'host:', 'host:a b', 'VM'])('rejects %s', (text) => {
    expect(() => parseMode(text)).toThrow(FabricError);
  });
});
