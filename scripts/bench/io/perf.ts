import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { withHugetlbfs } from '../../target/hugepages.js';
import { spdkProgram } from '../../target/programs.js';
import type { IoCase, IoResult } from './cases.js';

const memoryMb = 128;

/** Runs SPDK's own perf: one core, one queue pair, the same commands. `time` measures what it cost. */
export async function runPerf(
  what: IoCase,
  transportId: string,
  seconds: number,
  core: number,
): Promise<IoResult> {
  const size = ['-q', what.queueDepth, '-o', what.blockSize, '-w', what.op, '-t', seconds].map(String);
  const where = ['-c', `0x${(1 << core).toString(16)}`, '-s', String(memoryMb), '-r', transportId];
  const args = [spdkProgram('perf'), ...size, ...where, '-L'];
  // bash's own times: the processor time of the child it has waited for.
  const script = 'TIMEFORMAT="cpu %U %S"; time "$@"';
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-perf-'));
  try {
    const [first, ...rest] = [...withHugetlbfs(folder), 'bash', '-c', script, 'perf', ...args];
    const { stdout, stderr } = await execa(first as string, rest, { stdin: 'ignore' });
    return parsePerf(stdout, stderr, seconds);
  } finally {
    fs.rmdirSync(folder);
  }
}

/** Reads perf's table, its latency summary (`-L`), and the shell's `time`. */
export function parsePerf(stdout: string, stderr: string, seconds: number): IoResult {
  const total = /^Total\s*:\s*([\d.]+)/m.exec(stdout)?.[1];
  const at = (percent: string) =>
    new RegExp(`^\\s*${percent}\\d*%\\s*:\\s*([\\d.]+)us`, 'm').exec(stdout)?.[1];
  const p50 = at('50\\.');
  const p99 = at('99\\.0');
  const cpu = /^cpu ([\d.]+) ([\d.]+)/m.exec(stderr);
  if (!total || !p50 || !p99 || !cpu)
    throw new Error(`perf printed no table:\n${stdout.slice(-500)}${stderr}`);
  const iops = Number(total);
  const operations = iops * seconds;
  return {
    iops,
    p50Us: Number(p50),
    p99Us: Number(p99),
    cpuSecondsPerMillion: ((Number(cpu[1]) + Number(cpu[2])) / operations) * 1e6,
  };
}
