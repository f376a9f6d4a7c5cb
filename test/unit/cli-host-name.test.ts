// Targets that are named by a host name, and transports in capitals.
import dns from 'node:dns/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type MemorySubsystem, type Simulation, simulate } from '../../lib/testing/index.js';
import { runVerb } from './memory/command-line.js';

let simulation: Simulation;
let subsystem: MemorySubsystem;
beforeEach(() => {
  simulation = simulate();
  subsystem = simulation.addTarget({ traddr: '192.0.2.7' }).addSubsystem('nqn.2026-11.dev.spdk-nvme:named');
  subsystem.addNamespace(1, { blocks: 8 });
});
afterEach(() => {
  vi.restoreAllMocks();
  expect(simulation.misuse).toEqual([]);
  simulation.restore();
});

const list = (...words: string[]) =>
  runVerb(['list', '-t', 'TCP', '-n', 'nqn.2026-11.dev.spdk-nvme:named', '-o', 'json', ...words]);

it('an address of the name is connected to', async () => {
  const lookup = vi.spyOn(dns, 'lookup').mockResolvedValue([{ address: '192.0.2.7', family: 4 }][0] as never);
  const { status, stderr, stdout } = await list('-a', 'storage-1.example.');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.toString()).toContain('192.0.2.7');
  expect(lookup).toHaveBeenCalledExactlyOnceWith('storage-1.example.', { family: 0, verbatim: false });
});

it('an address of the family of --host-traddr is asked for', async () => {
  const lookup = vi.spyOn(dns, 'lookup').mockRejectedValue(new Error('none of them'));
  const { status, stderr } = await list('-a', 'storage', '-w', '::1');
  expect(lookup).toHaveBeenCalledExactlyOnceWith('storage', { family: 6, verbatim: false });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^spdk-nvme: --traddr storage has no address: [^\n]*none of them/);
});

it('an address is not looked up', async () => {
  const lookup = vi.spyOn(dns, 'lookup');
  expect(await list('-a', '192.0.2.7')).toMatchObject({ status: 0 });
  expect(lookup).not.toHaveBeenCalled();
});

it.each([
  [['-a', 'storage'], '--transport missing'],
  [
    ['-a', 'storage', '-t', 'tcp', '-r', 'trtype:TCP traddr:192.0.2.7 subnqn:nqn.2016-06.io.spdk:a'],
    'not both',
  ],
])('a name is not looked up for %j, which is rejected', async (words, why) => {
  const lookup = vi.spyOn(dns, 'lookup');
  const { status, stderr } = await runVerb(['list', ...words]);
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(why) });
  expect(lookup).not.toHaveBeenCalled();
});

it('the doctor reports a name without an address beside the state of the machine', async () => {
  vi.spyOn(dns, 'lookup').mockRejectedValue(new Error('none of them'));
  const words = ['-t', 'tcp', '-a', 'absent', '-n', 'nqn.2026-11.dev.spdk-nvme:named', '-o', 'json'];
  const { status, stdout, stderr } = await runVerb(['doctor', ...words]);
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  const { findings } = JSON.parse(stdout.toString());
  expect(findings[0]).toMatchObject({ check: 'Node.js' });
  expect(findings.at(-1)).toEqual({
    check: 'name',
    level: 'failure',
    text: '--traddr absent has no address: none of them',
    remedy: 'getent ahosts absent',
  });
});

it('a name that does not exist is reported in one line', async () => {
  const { status, stderr } = await list('-a', 'absent.invalid');
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^spdk-nvme: --traddr absent\.invalid has no address: [^\n]+\n$/),
  });
});

it('a resolver that does not respond fails the verb after --timeout', async () => {
  vi.spyOn(dns, 'lookup').mockReturnValue(new Promise(() => {}) as never);
  const { status, stderr } = await list('-a', 'slow.example', '--timeout', '50');
  expect(status).toBe(1);
  expect(stderr).toContain('has no address: the resolver did not respond within 50 ms');
});

it.each([
  '-t',
  '10.0.0.256',
  'a..b',
  '.',
  'a b',
  '',
  'x-',
  'a.-b',
  '1.2.3',
  'a/b',
  'a:1',
  `${'a'.repeat(100_000)}!`,
])('%s is neither an address nor a name', async (text) => {
  const begun = performance.now();
  const { status, stderr } = await list('-a', text);
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('--traddr') });
  expect(performance.now() - begun).toBeLessThan(5_000);
});
