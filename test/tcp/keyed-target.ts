// For a file of tests: a local target with keys, for SPDK v24.05 and later, whose target has a keyring.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { AttachOptions, Controller } from '../../lib/index.js';
import { limits } from '../integration/support/limits.js';
import { within } from '../integration/support/timing.js';
import { type LocalTarget, localTarget } from './local-target.js';

/** A key that host and target share. */
export interface SharedKey {
  readonly text: Buffer;
  /** Its name in the target's keyring. */
  readonly name: string;
  readonly file: string;
}

export interface KeyedTarget {
  readonly local: LocalTarget;
  sharedKey(text: string): Promise<SharedKey>;
  /** Allows the host, with exactly these keys. */
  admit(keys: Record<string, string>): Promise<void>;
  /** Attaches as the allowed host. */
  attach(id: string, options: AttachOptions): Promise<Controller>;
}

/** Starts a target with one subsystem before the first test of the file. After each test all controllers are detached. */
export function keyedTarget({ port, nqn, hostNqn }: Record<'port' | 'nqn' | 'hostNqn', string>): KeyedTarget {
  const disk = { kind: 'malloc', sizeMb: 16, blockSize: 512 } as const;
  const local = localTarget({
    port,
    subsystems: [{ nqn, serial: 'KEYS', disk }],
    environment: { logLevel: 'debug' },
  });
  let folder: string;
  let files = 0;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-keys-'));
  });
  afterEach(async () => {
    await Promise.all(local.env.controllers.map((controller) => controller.detach()));
  });
  afterAll(() => fs.rmSync(folder, { recursive: true }));
  const call = (method: string, params: object) => local.target.call(method, { nqn, ...params });
  return {
    local,
    sharedKey: async (text) => {
      const name = `key${files++}`;
      const file = path.join(folder, name);
      fs.writeFileSync(file, text, { mode: 0o600 });
      await local.target.call('keyring_file_add_key', { name, path: file });
      return { text: Buffer.from(text), name, file };
    },
    admit: async (keys) => {
      await call('nvmf_subsystem_allow_any_host', { allow_any_host: false });
      await call('nvmf_subsystem_remove_host', { host: hostNqn }).catch(() => {});
      await call('nvmf_subsystem_add_host', { host: hostNqn, ...keys });
    },
    attach: (id, options) =>
      within(limits.attach, local.env.attach(id, { hostNqn, timeoutMs: 10_000, ...options })),
  };
}

/** Writes and reads a block. */
export async function works(controller: Controller): Promise<boolean> {
  const [namespace] = controller.namespaces;
  const written = Buffer.alloc(512, Math.floor(Math.random() * 256));
  const read = Buffer.alloc(512);
  await namespace?.write(written, { offset: 0 });
  await namespace?.read(read, { offset: 0 });
  return read.equals(written);
}
