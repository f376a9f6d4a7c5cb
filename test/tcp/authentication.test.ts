// DH-HMAC-CHAP and TLS with SPDK's own target, for SPDK v24.05 and later, whose target has both; before, both are rejected.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AttachOptions, type Controller, Environment, spdkVersion } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limits } from '../integration/support/limits.js';
import { release } from '../integration/support/release.js';
import { codeOf, eventually, rejection, within } from '../integration/support/timing.js';
import { keyText } from '../support/keys.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:authentication';
const hostNqn = 'nqn.2026-11.dev.spdk-nvme:authenticated-host';
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4492' } as const;
const encrypted = { ...listener, trsvcid: '4493' };
const id = listenerId(listener, nqn);
const encryptedId = listenerId(encrypted, nqn);
const failed = 'ERR_SPDK_AUTHENTICATION_FAILED';
/** Small groups: the largest takes half a second for each queue. */
const groups = ['ffdhe2048'] as const;

let target: SpdkTarget;
let env: Environment;
let folder: string;
let files = 0;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-keys-'));
  const core = os.availableParallelism() - 1;
  const disk = { kind: 'malloc', sizeMb: 16, blockSize: 512 } as const;
  target = await startSpdkTarget({ listener, core, subsystems: [{ nqn, serial: 'KEYS', disk }] });
  ensureHugepages(128);
  env = await Environment.init({ memoryMb: 128 });
});
afterEach(async () => {
  await Promise.all(env.controllers.map((controller) => controller.detach()));
});
afterAll(async () => {
  await env?.close();
  await target?.stop('SIGKILL');
  fs.rmSync(folder, { recursive: true });
});

/** A key that the target has too. @returns its text, and its name there */
async function sharedKey(text: string): Promise<{ text: Buffer; name: string; file: string }> {
  const name = `key${files++}`;
  const file = path.join(folder, name);
  fs.writeFileSync(file, text, { mode: 0o600 });
  await target.call('keyring_file_add_key', { name, path: file });
  return { text: Buffer.from(text), name, file };
}

/** Lets the host in, with these keys and no others. */
async function admit(keys: Record<string, string>): Promise<void> {
  await target.call('nvmf_subsystem_allow_any_host', { nqn, allow_any_host: false });
  await target.call('nvmf_subsystem_remove_host', { nqn, host: hostNqn }).catch(() => {});
  await target.call('nvmf_subsystem_add_host', { nqn, host: hostNqn, ...keys });
}

const attach = (to: string, options: AttachOptions): Promise<Controller> =>
  within(limits.attach, env.attach(to, { hostNqn, timeoutMs: 10_000, ...options }));

/** Writes and reads a block. */
async function works(controller: Controller): Promise<boolean> {
  const [namespace] = controller.namespaces;
  const written = Buffer.alloc(512, Math.floor(Math.random() * 256));
  const read = Buffer.alloc(512);
  await namespace?.write(written, { offset: 0 });
  await namespace?.read(read, { offset: 0 });
  return read.equals(written);
}

if (release() < 2405) {
  describe('before SPDK v24.05', () => {
    it.each(['dhchap', 'tls'] as const)('%s is rejected, and nothing is sent', async (option) => {
      const key = Buffer.from(keyText(option, '01', 32));
      const options = option === 'dhchap' ? { dhchap: { key } } : { tls: { psk: key } };
      const { message } = await rejection('ERR_SPDK_UNSUPPORTED', limits.response, env.attach(id, options));
      expect(message).toContain(spdkVersion().text);
      expect(message).toContain('v24.05');
    });
  });
} else {
  describe('DH-HMAC-CHAP', () => {
    let host: Awaited<ReturnType<typeof sharedKey>>;
    let controllerKey: Awaited<ReturnType<typeof sharedKey>>;
    const other = () => Buffer.from(keyText('dhchap', '01', 32));

    beforeAll(async () => {
      host = await sharedKey(keyText('dhchap', '01', 32));
      controllerKey = await sharedKey(keyText('dhchap', '00', 48));
      await admit({ dhchap_key: host.name, dhchap_ctrlr_key: controllerKey.name });
    });

    it.each(['threads', 'inline', 'adaptive'] as const)(
      'one way and both ways, polled by %s',
      async (polling) => {
        const one = await attach(id, { polling, ioQueues: 2, dhchap: { key: host.text, groups } });
        expect(await works(one)).toBe(true);
        await one.detach();
        const both = { key: host.text, controllerKey: controllerKey.text, groups };
        expect(await works(await attach(id, { polling, ioQueues: 2, dhchap: both }))).toBe(true);
      },
    );

    it('from a file and from the kernel', async () => {
      expect(await works(await attach(id, { dhchap: { key: { file: host.file }, groups } }))).toBe(true);
      await env.controllers[0]?.detach();
      const kernelKey = `spdk-nvme-test:${process.pid}`;
      execFileSync('python3', ['-c', addKernelKey, kernelKey], { input: host.text });
      expect(await works(await attach(id, { dhchap: { key: { kernelKey }, groups } }))).toBe(true);
    });

    it.each(['sha256', 'sha384', 'sha512'] as const)('with %s alone', async (digest) => {
      expect(await works(await attach(id, { dhchap: { key: host.text, digests: [digest], groups } }))).toBe(
        true,
      );
    });

    it('fails with no key, a wrong one, and a controller with a wrong one', async () => {
      expect(await codeOf(attach(id, {}))).toBe(failed);
      expect(await codeOf(attach(id, { dhchap: { key: other(), groups } }))).toBe(failed);
      const wrong = { key: host.text, controllerKey: other(), groups };
      expect(await codeOf(attach(id, { dhchap: wrong }))).toBe(failed);
    });

    it('is not given up for a target that does not ask for it, if the controller is to prove who it is', async () => {
      await admit({});
      const keys = { key: host.text, controllerKey: controllerKey.text, groups };
      expect(await codeOf(attach(id, { dhchap: keys }))).toBe(failed);
      await admit({ dhchap_key: host.name, dhchap_ctrlr_key: controllerKey.name });
    });

    it('authenticates again after a loss, and not with a key that has expired meanwhile', async () => {
      const reconnect = { ctrlrLossTimeoutMs: 20_000, reconnectDelayMs: 200 };
      const controller = await attach(id, { ...reconnect, dhchap: { key: host.text, groups } });
      await within(limits.reset, controller.reset());
      expect(await works(controller)).toBe(true);
      const replaced = await sharedKey(keyText('dhchap', '01', 32));
      await admit({ dhchap_key: replaced.name });
      // The target has ended the connection of a host that it removed.
      const rejected = () => controller.history.some(({ code }) => code === failed);
      expect(await eventually(limits.unreachable, rejected)).toBe(true);
      await admit({ dhchap_key: host.name, dhchap_ctrlr_key: controllerKey.name });
      expect(await eventually(limits.reset, () => controller.state === 'attached')).toBe(true);
      expect(await works(controller)).toBe(true);
    });
  });

  describe('TLS', () => {
    let psk: Awaited<ReturnType<typeof sharedKey>>;

    beforeAll(async () => {
      psk = await sharedKey(keyText('tls', '01', 32));
      await admit({ psk: psk.name });
      const listen_address = { ...encrypted, adrfam: 'IPv4' };
      await target.call('nvmf_subsystem_add_listener', { nqn, listen_address, secure_channel: true });
    });

    it.each(['threads', 'inline'] as const)('carries data, polled by %s', async (polling) => {
      const controller = await attach(encryptedId, { polling, ioQueues: 2, tls: { psk: psk.text } });
      expect(await works(controller)).toBe(true);
      const [namespace] = controller.namespaces;
      const large = Buffer.alloc(1 << 20, 7);
      await namespace?.write(large, { offset: 0 });
      const read = Buffer.alloc(1 << 20);
      await namespace?.read(read, { offset: 0 });
      expect(read.equals(large)).toBe(true);
      await within(limits.reset, controller.reset());
      expect(await works(controller)).toBe(true);
    });

    it('fails with another key, and at a port without it', async () => {
      const other = Buffer.from(keyText('tls', '01', 32));
      expect(await codeOf(attach(encryptedId, { tls: { psk: other } }))).toBe(failed);
      expect(await codeOf(attach(id, { tls: { psk: psk.text } }))).toBe(failed);
    });

    it('is needed at a port with it', async () => {
      expect(await codeOf(attach(encryptedId, {}))).not.toBe('none');
    });
  });
}

/** The C library has no function for add_key(2), whose number is 248 on x86-64. */
const addKernelKey = `
import ctypes, sys
text = sys.stdin.buffer.read()
user_keyring = ctypes.c_int(-4)
sys.exit(ctypes.CDLL(None).syscall(248, b'user', sys.argv[1].encode(), text, len(text), user_keyring) < 0)
`;
