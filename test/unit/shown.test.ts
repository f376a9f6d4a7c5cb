// What programs see of the public objects when they log them.

import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { logOf } from '../../lib/discovery/read-log.js';
import { type Controller, type Environment, SpdkError, SpdkTypeError } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import { decodeNotification, decodeReport } from '../../lib/nvme/reservations.js';
import { decodeSelfTestLog } from '../../lib/nvme/self-test.js';
import { makeFixture } from './memory/fixture.js';

let env: Environment;
let controller: Controller;

beforeEach(async () => {
  const fixture = await makeFixture();
  fixture.disk('a');
  env = fixture.env;
  controller = await fixture.attach('a', { ioQueues: 2 });
});

afterEach(async () => {
  await env.close();
  useAddon(undefined);
});

it('JSON has what names an object, and its state', () => {
  const { transportId, hostNqn, hostId } = controller;
  const shown = { transportId, hostNqn, hostId, state: 'attached' };
  expect(JSON.parse(JSON.stringify({ controller }))).toEqual({ controller: shown });
  expect(JSON.parse(JSON.stringify(env))).toEqual({ controllers: [shown], closed: false });
  expect(JSON.parse(JSON.stringify(controller.queuePairs))).toMatchObject([{ index: 0 }, { index: 1 }]);
  expect(JSON.parse(JSON.stringify(controller.namespaces))).toMatchObject([{ id: 1, blocks: 64 }]);
  expect(JSON.stringify(controller.queuePairs[0]?.openBatch())).toMatch(/^\{/);
});

it('bigints are numbers in JSON, and strings where a number is not exact', async () => {
  const page = Buffer.alloc(512);
  page.writeBigUInt64LE(7n, 32);
  page.writeBigUInt64LE(2n ** 63n + 1n, 48);
  vi.spyOn(controller.admin, 'logPage').mockResolvedValue(page);
  const smart = await controller.admin.smartLog();
  const text = JSON.stringify(smart);
  expect(JSON.parse(text)).toMatchObject({ dataUnitsRead: 7, dataUnitsWritten: '9223372036854775809' });
  expect(structuredClone(smart)).toEqual(smart);

  page.fill(0).writeBigUInt64LE(3n, 0);
  expect(JSON.parse(JSON.stringify(await controller.admin.errorLog()))).toMatchObject([
    { errorCount: 3, block: 0 },
  ]);

  const log = logOf(controller.transportId, Buffer.alloc(1024, 1).fill(0, 8));
  expect(JSON.parse(JSON.stringify({ log }))).toMatchObject({
    log: { generation: '72340172838076673', entries: [] },
  });
  expect(structuredClone(log)).toEqual(log);
});

it('every result with bigints can be JSON, and can be cloned', () => {
  const report = Buffer.alloc(128);
  report.writeUInt16LE(1, 5);
  report.writeBigUInt64LE(2n ** 60n, 72);
  report.fill(1, 80, 96);
  const notification = Buffer.alloc(64);
  notification.writeBigUInt64LE(5n, 0);
  notification[8] = 1;
  const tests = Buffer.alloc(32);
  tests.writeUInt8(3, 6);
  tests.writeBigUInt64LE(9n, 8);
  tests.writeBigUInt64LE(10n, 20);
  for (const [result, shown] of [
    [decodeReport(report), { registrants: [{ key: '1152921504606846976' }] }],
    [decodeNotification(notification), { count: 5, kind: 'registration-preempted' }],
    [decodeSelfTestLog(tests), { results: [{ powerOnHours: 9, failingBlock: 10 }] }],
  ]) {
    expect(JSON.parse(JSON.stringify(result))).toMatchObject(shown as object);
    expect(structuredClone(result)).toEqual(result);
  }
});

it('JSON of an error has its message', () => {
  const error = new SpdkError('ERR_SPDK_TIMEOUT', 'Reading took too long', {
    errno: 110,
    cause: new Error('why'),
  });
  const fields = {
    name: 'SpdkError',
    message: 'Reading took too long',
    code: 'ERR_SPDK_TIMEOUT',
    errno: -110,
  };
  expect(JSON.parse(JSON.stringify([error, new SpdkTypeError('x must be y')]))).toEqual([
    fields,
    { name: 'SpdkTypeError', message: 'x must be y', code: 'ERR_SPDK_INVALID_ARG_TYPE' },
  ]);
});

it('the console shows what JSON has', () => {
  expect(inspect(env)).toMatch(
    /^Environment \{\n? *controllers: \[\s*Controller \{[\s\S]*state: 'attached'[\s\S]*closed: false/,
  );
  expect(inspect({ deep: { deeper: { env } } })).toContain('[Environment]');
});

it('the console shows the paths of a subsystem, and their states', async () => {
  await controller.detach();
  const subsystem = await env.attachSubsystem([controller.transportId]);
  expect(inspect(subsystem, { depth: 2 })).toMatch(
    /^Subsystem \{\s*nqn: [\s\S]*paths: \[\s*SubsystemPath \{[\s\S]*state: 'up'/,
  );
  expect(inspect(subsystem, { depth: 9 })).not.toMatch(/_events|PathSpec|Function/);
});

it('no internal object is shown on the console', () => {
  const shown = inspect([env, controller, controller.queuePairs, controller.namespaces], { depth: 9 });
  expect(shown).not.toMatch(/DmaMemory|HeldEvents|SubmissionQueue|Ring|Function/);
});
