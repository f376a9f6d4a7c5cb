import { afterEach, describe, expect, it } from 'vitest';
import { Environment, type LogLevel, type LogLine } from '../../lib/index.js';
import { startChild } from './support/child.js';
import { ids } from './support/fabric.js';
import { limits } from './support/limits.js';
import { rejection } from './support/timing.js';

let env: Environment | undefined;
afterEach(() => env?.close());

/** The log lines of a rejected attach. */
async function linesOf(logLevel?: LogLevel): Promise<LogLine[]> {
  env = await Environment.init({ memoryMb: 64, ...(logLevel && { logLevel }) });
  const lines: LogLine[] = [];
  env.on('log', (line) => lines.push(line));
  await rejection('ERR_SPDK_CONNECT_REJECTED', limits.unreachable, env.attach(ids.wrongNqn));
  await env.close();
  return lines;
}

const severities: LogLevel[] = ['error', 'warn', 'notice', 'info', 'debug'];
const levelsOf = (lines: LogLine[]) => new Set(lines.map(({ level }) => level));

describe('the log event', () => {
  it('has the lines of SPDK’s and DPDK’s start, from before there could be a listener', async () => {
    const lines = await linesOf();
    expect(lines.some(({ message }) => /Starting SPDK v\d+\.\d+.* DPDK/.test(message))).toBe(true);
  });

  it('gives level, source and one line of text', async () => {
    const lines = await linesOf();
    const line = lines.find(({ level }) => level === 'error');
    expect(line?.message).toMatch(/\w/);
    // The source is a file of SPDK, or of this package where SPDK logs too little.
    expect(line?.source).toMatch(/^\w+\.cc?:\d+:\w+$/);
    for (const { level, message } of lines) {
      expect(severities).toContain(level);
      expect(message).not.toMatch(/[\r\n]/);
    }
  });

  it('gives lines of the level asked for and of the more severe ones only', async () => {
    expect(levelsOf(await linesOf('error'))).toEqual(new Set(['error']));
    const noticed = levelsOf(await linesOf('notice'));
    expect(noticed).toContain('error');
    for (const level of noticed) expect(['error', 'warn', 'notice']).toContain(level);
  });

  it('is not reported after the environment was closed', async () => {
    const lines = await linesOf('debug');
    const { length } = lines;
    expect(length).toBeGreaterThan(0);
    await (await Environment.init({ memoryMb: 64 })).close();
    expect(lines).toHaveLength(length);
  });
});

describe('standard output and standard error', () => {
  const run = async (options: object) =>
    (await startChild('log.mjs', JSON.stringify({ memoryMb: 64, ...options }), ids.wrongNqn)).ended;

  it('stay the program’s own, even at the level debug', async () => {
    expect(await run({ logLevel: 'debug' })).toMatchObject({ code: 0, stdout: 'done\n', stderr: '' });
  });

  it('get the lines only where `log: "stderr"` asks for them', async () => {
    const { code, stdout, stderr } = await run({ log: 'stderr' });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'done\n' });
    expect(stderr).toMatch(/^spdk error: /m);
    expect(stderr).toMatch(/ \(nvme\w*\.c:\d+:\w+\)$/m);
    for (const line of stderr.trim().split('\n')) expect(line).toMatch(/^spdk (error|warn|notice): .*\w/);
  });
});
