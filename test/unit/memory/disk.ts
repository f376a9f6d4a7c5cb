import type { EventEmitter } from 'node:events';
import { expect, vi } from 'vitest';
import type { AttachOptions, Controller, ControllerState, Namespace } from '../../../lib/index.js';
import { useAddon } from '../../../lib/native/addon.js';
import type { MemoryNamespace } from '../../../lib/testing/namespace.js';
import { type Fixture, makeFixture } from './fixture.js';

/** The size of the disk, in bytes. */
export const diskBytes = 64 * 512;

/** Bytes that differ from their neighbours, and for another seed. */
export const noise = (bytes: number, seed = 1) =>
  Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + seed) % 251));

export const tick = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves when a stream is closed. */
export const closed = (stream: EventEmitter) => new Promise((resolve) => stream.once('close', resolve));
/** Resolves with the error of a stream. */
export const failure = (stream: EventEmitter) => new Promise((resolve) => stream.once('error', resolve));

export interface Disk {
  readonly fixture: Fixture;
  readonly controller: Controller;
  readonly ns: Namespace;
  /** What the target has. */
  readonly memory: MemoryNamespace;
}

/** An attached controller with one namespace in memory. */
export async function attachDisk(options?: AttachOptions): Promise<Disk> {
  const fixture = await makeFixture();
  const memory = fixture.disk('a').namespaces.get(1) as MemoryNamespace;
  const controller = await fixture.attach('a', options);
  return { fixture, controller, ns: controller.namespaces[0] as Namespace, memory };
}

/** Regions of DMA memory that are not free: 1 is the pool that data is copied through. */
export const regionsOf = ({ fixture }: Disk) => fixture.addon.environments[0]?.memory.live.size ?? 0;

/** Waits until no operation of the controller is pending and no command outstanding. */
export const expectIdle = ({ controller }: Disk) =>
  vi.waitFor(() => expect(controller.stats()).toMatchObject({ pending: 0, outstanding: 0 }));

/** Keeps what native code tells this thread, as while JavaScript is busy, until the function that it returns is called. */
export function beBusy({ fixture }: Disk): () => void {
  const { channel } = fixture.addon;
  const kept: (() => void)[] = [];
  const post = vi.spyOn(channel, 'post').mockImplementation((task) => void kept.push(task));
  return () => {
    post.mockRestore();
    for (const task of kept) channel.post(task);
  };
}

export async function until({ controller }: Disk, state: ControllerState): Promise<void> {
  while (controller.state !== state) await tick(1);
}

/** Closes the environment: no rule of the contract was broken, and no memory is still pinned. */
export async function closeDisk({ fixture }: Disk): Promise<void> {
  fixture.target.silent = false;
  await fixture.env.close();
  expect(fixture.addon.violations.list).toEqual([]);
  expect(fixture.addon.environments.flatMap(({ memory }) => memory.pinned)).toEqual([]);
  useAddon(undefined);
}
