// Limits of the process, met at every step: an error with a code or success, in time, and the next try works once there
// is room again. Memory and locked memory run out in test/integration/faults/exhausted.test.ts.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { expectNoConnections } from '../integration/suites/target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:limited';
const id = `trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4613 subnqn:${nqn}`;
const program = fileURLToPath(new URL('children/limited.mjs', import.meta.url));
/** A step, and Node's start beside it. */
const limitMs = 15_000;

let target: SpdkTarget;

beforeAll(async () => {
  target = await startSpdkTarget({
    listener: { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4613' },
    sharedBuffers: 511,
    subsystems: [{ nqn, serial: 'LIMITED', disk: { kind: 'null', sizeMb: 64, blockSize: 512 } }],
  });
  ensureHugepages(128);
});

afterAll(() => target.stop('SIGKILL'));

describe.each([
  {
    what: 'threads',
    expected: {
      init: 'ERR_SPDK_NO_THREADS',
      attach: 'ERR_SPDK_NO_THREADS',
      io: 'ok',
      reset: 'ok',
      detach: 'ok',
      close: 'ok',
    },
  },
  {
    what: 'descriptors',
    expected: {
      init: 'ERR_SPDK_NO_DESCRIPTORS',
      attach: 'ERR_SPDK_NO_DESCRIPTORS',
      io: 'ok',
      // Its own sockets are closed before others are opened.
      reset: 'ok',
      detach: 'ok',
      close: 'ok',
    },
  },
])('no more $what', ({ what, expected }) => {
  it.each(Object.entries(expected))('at %s: %s', async (at, code) => {
    const { status, signal, stdout, stderr } = spawnSync(
      'prlimit',
      ['--nofile=512', process.execPath, program, JSON.stringify({ id, what, at })],
      { encoding: 'utf8', timeout: limitMs, killSignal: 'SIGKILL' },
    );
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      step: at,
      under: { outcome: code },
      after: { outcome: 'ok' },
    });
    await expectNoConnections(['4613']);
  });
});
