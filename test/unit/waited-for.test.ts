// What the error of an operation whose time is over says: what it waited for, or that the controller has it.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Subsystem } from '../../lib/index.js';
import { attachBoth, block, only, takeDown, twoPaths, until } from './memory/two-paths.js';

const paths = twoPaths();
/** "Command Aborted due to SQ Deletion", with which SPDK ends the commands of a lost connection. */
const abortedForDeletion = 0x08;
/** How long a path is suspected to have lost its connection. */
const suspicionMs = 100;

const messageOf = (promise: Promise<unknown>) => promise.catch(({ message }) => message);
const waited = (what: string) =>
  expect.stringContaining(`It was waiting for ${what}, and none of its commands is outstanding`);

it('the controller', async () => {
  const subsystem = await attachBoth(paths);
  for (const target of paths.targets) target.silent = true;
  const message = await messageOf(only(subsystem).flush({ timeoutMs: 20 }));
  expect(message).toContain('The controller may still carry it out');
});

it('room in the queue of a path', async () => {
  const subsystem = await attachBoth(paths, { queueDepth: 2 });
  for (const target of paths.targets) target.silent = true;
  const others = [1, 2, 3].map(() => only(subsystem).flush());
  expect(await messageOf(only(subsystem).flush({ timeoutMs: 20 }))).toEqual(waited('room in queue pair 0'));
  for (const target of paths.targets) target.silent = false;
  await Promise.all(others);
});

it('earlier writes', async () => {
  const subsystem = await attachBoth(paths);
  for (const target of paths.targets) target.silent = true;
  const first = only(subsystem).write(block(1), { offset: 0 });
  const second = only(subsystem).write(block(2), { offset: 0, timeoutMs: 20 });
  expect(await messageOf(second)).toEqual(waited('earlier writes of the same blocks'));
  for (const target of paths.targets) target.silent = false;
  await first;
});

it('the delay that the controller asks for', async () => {
  for (const side of paths.sides) side.commandRetryDelays = [100, 0, 0];
  const subsystem = await attachBoth(paths);
  for (const target of paths.targets) target.failCommands({ sc: 0x06, crd: 1 });
  const flush = only(subsystem).flush({ timeoutMs: 100 });
  expect(await messageOf(flush)).toEqual(waited('its next attempt'));
});

it('a path', async () => {
  const subsystem = await attachBoth(paths);
  for (const target of paths.targets) takeDown(target);
  await until(() => subsystem.paths.every(({ state }) => state !== 'up'));
  expect(await messageOf(only(subsystem).flush({ timeoutMs: 20 }))).toEqual(waited('a path'));
});

it('a path, after another one was lost whose target may still carry it out', async () => {
  const subsystem = await attachBoth(paths);
  for (const target of paths.targets) target.silent = true;
  const rejection = only(subsystem)
    .write(block(1), { offset: 0, timeoutMs: 300 })
    .catch((error) => error);
  await until(() => subsystem.paths.some(({ controller }) => controller?.stats().outstanding === 1));
  for (const target of paths.targets) takeDown(target);
  expect(await rejection).toMatchObject({
    code: 'ERR_SPDK_TIMEOUT',
    outcome: 'unknown',
    message: expect.stringContaining('which its target may still carry out'),
  });
});

it('the next attempt, after a path aborted it that may have lost its connection meanwhile', async () => {
  const subsystem = await attachBoth(paths);
  const [first, second] = paths.targets;
  // From then on the path counts such a status as the controller's own.
  first?.failCommands({ sc: abortedForDeletion });
  await only(subsystem).flush();
  await sleep(suspicionMs + 50);
  if (second) takeDown(second);
  await until(() => subsystem.paths[1]?.state !== 'up');
  first?.failCommands({ sc: abortedForDeletion, count: 1_000 });
  const writing = only(subsystem).write(block(1), { offset: 0, timeoutMs: 500 });
  expect(await writing.catch((error) => error)).toMatchObject({
    code: 'ERR_SPDK_TIMEOUT',
    outcome: 'unknown',
    message: expect.stringContaining('which its target may still carry out'),
  });
});

it.each<['ERR_SPDK_NO_PATH' | 'ERR_SPDK_DETACHING', (subsystem: Subsystem) => Promise<unknown>]>([
  ['ERR_SPDK_DETACHING', (subsystem) => subsystem.detach({ drainMs: 0 })],
  [
    'ERR_SPDK_NO_PATH',
    (subsystem) => Promise.all(subsystem.paths.map((path) => subsystem.removePath(path, { drainMs: 0 }))),
  ],
])('nothing any more, though a target may still carry it out: %s', async (code, end) => {
  const subsystem = await attachBoth(paths);
  for (const target of paths.targets) target.silent = true;
  const rejection = only(subsystem)
    .write(block(1), { offset: 0 })
    .catch((error) => error);
  await until(() => subsystem.paths.some(({ controller }) => controller?.stats().outstanding === 1));
  const ending = end(subsystem);
  expect(await rejection).toMatchObject({
    code,
    outcome: 'unknown',
    message: expect.stringContaining('which its target may still carry out'),
  });
  for (const target of paths.targets) target.silent = false;
  await ending;
});
