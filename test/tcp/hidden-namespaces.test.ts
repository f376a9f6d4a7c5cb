// Namespaces with ids above the controller's NN. SPDK's target gives none out, so its controllers are made to name a lower NN.

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Controller } from '../../lib/index.js';
import { limits } from '../integration/support/limits.js';
import { eventually, within } from '../integration/support/timing.js';
import { localTarget } from './local-target.js';
import { type NotingProxy, noteConnects } from './noting-proxy.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:hidden';
const responded = 2_000;

const local = localTarget({
  port: '4475',
  subsystems: [{ nqn, serial: 'HIDDEN', disk: { kind: 'null', sizeMb: 16, blockSize: 512 } }],
});
let watcher: NotingProxy;

beforeAll(async () => {
  watcher = await noteConnects(Number(local.listener.trsvcid));
});
afterEach(() => Promise.all(local.env.controllers.map((controller) => controller.detach())));
afterAll(() => watcher?.close());

/** The highest namespace id that the controllers name: bytes 516 to 519 of Identify Controller. */
const limitTo = (count: number) => watcher.alter((page) => page.writeUInt32LE(count, 516));
const attach = () =>
  within(limits.attach, local.env.attach({ ...local.listener, trsvcid: watcher.port, subnqn: nqn }));
const notesIn = ({ history }: Controller) =>
  history.filter(({ kind }) => kind === 'note').map(({ text }) => text);

it('are noted, with their ids and what to do, and go when the limit does', async () => {
  limitTo(0);
  const controller = await attach();
  const reported: number[] = [];
  controller.on('notes', (notes) => reported.push(notes.length));
  expect(await eventually(responded, () => controller.notes.length > 0)).toBe(true);
  expect(controller.namespaces).toEqual([]);
  expect(controller.info.maxNamespaces).toBe(0);
  expect(controller.notes).toMatchObject([{ id: 'NAMESPACES_ABOVE_NN', namespaces: [1] }]);
  expect(Object.isFrozen(controller.notes[0])).toBe(true);
  expect(notesIn(controller)).toEqual([expect.stringMatching(/^namespace 1 cannot be used: .* 0 .*NN/)]);

  limitTo(8);
  await controller.reset();
  expect(await eventually(responded, () => controller.notes.length === 0)).toBe(true);
  expect(controller.namespaces.map(({ id }) => id)).toEqual([1]);
  expect(reported).toEqual([1, 0]);
  expect(notesIn(controller)).toHaveLength(1);
});

it('are not imagined where there are none', async () => {
  limitTo(1);
  const controller = await attach();
  // Completes after the background task of the attach.
  await controller.admin.identify();
  expect(controller.notes).toEqual([]);
  expect(notesIn(controller)).toEqual([]);
  expect(controller.namespaces).toHaveLength(1);
});
