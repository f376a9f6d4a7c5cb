// The files of reports: whole, or as they were before.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeMessage } from '../../cli/engine/process/messages.js';
import { writeJson } from '../../cli/report/option.js';
import { type MemorySubsystem, simulate } from '../../lib/testing/index.js';
import { runVerb } from './memory/command-line.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-reports-'));
const disk = path.join(folder, 'disk');
const file = path.join(disk, 'report');
afterAll(() => rmSync(folder, { recursive: true }));

/** Whether this user may mount a small file system. */
function mountDisk(): boolean {
  try {
    execFileSync('mkdir', [disk]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'none', disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!mountDisk())('a full disk', () => {
  let subsystem: MemorySubsystem;
  let simulation: ReturnType<typeof simulate>;
  beforeAll(() => {
    simulation = simulate();
    subsystem = simulation.addTarget().addSubsystem('nqn.2026-11.dev.spdk-nvme:reports');
    subsystem.addNamespace(1, { blocks: 64 });
  });
  afterAll(() => {
    simulation.restore();
    execFileSync('umount', [disk]);
    process.exitCode = 0;
  });
  beforeEach(() => {
    for (const name of readdirSync(disk)) rmSync(path.join(disk, name));
  });

  const perf = () =>
    runVerb(['perf', '-r', subsystem.id, '--seconds', '1', '--ramp', '0', '--rate', '100', '--report', file]);
  const failure = {
    status: 1,
    stderr: expect.stringMatching(/^spdk-nvme: \S+ cannot be written: ENOSPC: [^\n]+\n$/),
  };

  it('leaves no report that is cut', async () => {
    expect(await perf()).toMatchObject(failure);
    expect(readdirSync(disk)).toEqual([]);
  });

  it('leaves the report that was there before', async () => {
    writeFileSync(file, 'before');
    expect(await perf()).toMatchObject(failure);
    expect(readFileSync(file, 'utf8')).toBe('before');
    await expect(writeJson(file, { long: 'x'.repeat(20_000) })).rejects.toThrow(/ENOSPC/);
    expect(readFileSync(file, 'utf8')).toBe('before');
    expect(readdirSync(disk)).toEqual(['report']);
  });
});

it('control characters that a terminal may obey are escaped in JSON files and messages', async () => {
  const text = '\u007f\u0080\u009b31m\u009f\u00a0é\u001b';
  const json = path.join(folder, 'escaped.json');
  await writeJson(json, { text });
  for (const written of [readFileSync(json, 'utf8'), encodeMessage({ type: 'note', text })]) {
    expect(written).toContain('\\u007f\\u0080\\u009b31m\\u009f\u00a0é\\u001b');
    expect(JSON.parse(written).text).toBe(text);
  }
});
