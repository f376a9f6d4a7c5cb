// DH-HMAC-CHAP and TLS with SPDK's own target, for SPDK v24.05 and later, whose target has both; before, both are rejected.

import { execFileSync } from 'node:child_process';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { inspect } from 'node:util';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Controller, type DiscoveryEntry, type Environment, spdkVersion } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import type { SpdkTarget } from '../../scripts/target/spdk-target.js';
import { limits } from '../integration/support/limits.js';
import { release } from '../integration/support/release.js';
import { codeOf, eventually, rejection, within } from '../integration/support/timing.js';
import { keyText } from '../support/keys.js';
import { keyedTarget, type SharedKey, works } from './keyed-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:authentication';
const hostNqn = 'nqn.2026-11.dev.spdk-nvme:authenticated-host';
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4492' } as const;
const encrypted = { ...listener, trsvcid: '4493' };
const id = listenerId(listener, nqn);
const encryptedId = listenerId(encrypted, nqn);
const failed = 'ERR_SPDK_AUTHENTICATION_FAILED';
/** Small groups: the largest takes half a second for each queue. */
const groups = ['ffdhe2048'] as const;

const keyed = keyedTarget({ port: listener.trsvcid, nqn, hostNqn });
const { admit, attach, sharedKey } = keyed;
let target: SpdkTarget;
let env: Environment;
beforeAll(() => {
  ({ target, env } = keyed.local);
});

if (release() < 2405) {
  describe('before SPDK v24.05', () => {
    it.each(['dhchap', 'tls'] as const)('%s is rejected, and nothing is sent', async (option) => {
      const key = Buffer.from(keyText(option, '01', 32));
      const options = option === 'dhchap' ? { dhchap: { key } } : { tls: { psk: key } };
      const { message } = await rejection('ERR_SPDK_UNSUPPORTED', limits.response, env.attach(id, options));
      expect(message).toContain(spdkVersion().text);
      expect(message).toContain('v24.05');
    });

    it('they are rejected for a discovery service, and for the command line', async () => {
      const dhchap = { key: Buffer.from(keyText('dhchap', '01', 32)) };
      expect(await codeOf(env.discover(listener, { dhchap }))).toBe('ERR_SPDK_UNSUPPORTED');
      expect(await codeOf(env.watchDiscovery(listener, { dhchap }))).toBe('ERR_SPDK_UNSUPPORTED');
      expect(await codeOf(env.attachAll(listener, { dhchap }))).toBe('ERR_SPDK_UNSUPPORTED');
      const { exitCode, stderr } = await list('-S', dhchap.key.toString());
      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: expect.stringContaining('ERR_SPDK_UNSUPPORTED'),
      });
    });
  });
} else {
  describe('DH-HMAC-CHAP', () => {
    let host: SharedKey;
    let controllerKey: SharedKey;
    const other = () => Buffer.from(keyText('dhchap', '01', 32));

    beforeAll(async () => {
      host = await sharedKey(keyText('dhchap', '01', 32));
      controllerKey = await sharedKey(keyText('dhchap', '00', 48));
      await admit({ dhchap_key: host.name, dhchap_ctrlr_key: controllerKey.name });
    });

    it.each(pollings)('one way and both ways, polled by %s', async (polling) => {
      const one = await attach(id, { polling, ioQueues: 2, dhchap: { key: host.text, groups } });
      expect(await works(one)).toBe(true);
      await one.detach();
      const both = { key: host.text, controllerKey: controllerKey.text, groups };
      expect(await works(await attach(id, { polling, ioQueues: 2, dhchap: both }))).toBe(true);
    });

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

    it('has its keys shown nowhere: in no line of the log, history, error or inspect()', async () => {
      const shown: string[] = [];
      const note = (what: unknown) => shown.push(inspect(what, { depth: 9, showHidden: true }));
      env.on('log', note);
      const wrong = other();
      const rejected = await attach(id, { dhchap: { key: wrong, groups } }).catch((error: unknown) => error);
      const keys = { key: host.text, controllerKey: controllerKey.text, groups };
      const controller = await attach(id, { dhchap: keys });
      env.off('log', note);
      expect(shown.length, 'lines of the log').toBeGreaterThan(0);
      for (const what of [rejected, (rejected as Error).stack, controller, controller.history, env])
        note(what);
      for (const key of [wrong, host.text, controllerKey.text]) {
        const base64 = key.toString().split(':')[2] as string;
        for (const form of [base64, Buffer.from(base64, 'base64').subarray(0, -4).toString('hex')]) {
          expect(
            shown.filter((text) => text.toLowerCase().includes(form.slice(0, 16).toLowerCase())),
          ).toEqual([]);
        }
      }
    });

    it('is required of a target that does not ask for it, if the controller has to prove who it is', async () => {
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

  describe('a discovery service', () => {
    const discovery = 'nqn.2014-08.org.nvmexpress.discovery';
    let key: SharedKey;

    beforeAll(async () => {
      key = await sharedKey(keyText('dhchap', '01', 32));
      await admit({ dhchap_key: key.name });
      await target.call('nvmf_subsystem_allow_any_host', { nqn: discovery, allow_any_host: false });
      await target.call('nvmf_subsystem_add_host', { nqn: discovery, host: hostNqn, dhchap_key: key.name });
    });
    afterAll(async () => {
      await target.call('nvmf_subsystem_remove_host', { nqn: discovery, host: hostNqn });
      await target.call('nvmf_subsystem_allow_any_host', { nqn: discovery, allow_any_host: true });
    });

    it('is read, watched and attached from with a key, and not without', async () => {
      expect(await codeOf(env.discover(listener, { hostNqn }))).toBe(failed);
      const dhchap = { key: key.text, groups };
      expect((await env.discover(listener, { hostNqn, dhchap })).entries).not.toEqual([]);
      const watch = await env.watchDiscovery(listener, { hostNqn, dhchap });
      expect(watch.log.entries).not.toEqual([]);
      await watch.close();
      const { attached, failed: not } = await env.attachAll(listener, { hostNqn, dhchap });
      expect(not).toEqual([]);
      expect(await works(attached[0]?.controller as Controller)).toBe(true);
    });

    it('and its subsystem are shown by the command line', async () => {
      const { exitCode, stdout } = await list('-S', `file:${key.file}`);
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining('KEYS') });
      const text = await list('--dhchap-secret', key.text.toString());
      expect(text.exitCode).toBe(0);
      const without = await list();
      expect(without).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(failed) });
    });
  });

  describe('TLS', () => {
    let psk: SharedKey;
    let refused: unknown;

    beforeAll(async () => {
      psk = await sharedKey(keyText('tls', '01', 32));
      refused = await admit({ psk: psk.name }).catch((error) => error);
      const listen_address = { ...encrypted, adrfam: 'IPv4' };
      await target.call('nvmf_subsystem_add_listener', { nqn, listen_address, secure_channel: true });
    });
    beforeEach(({ skip }) => {
      skip(refused !== undefined && target.release < 2509, 'OpenSSL 3.0.19 rejects what this target calls');
      expect(refused).toBeUndefined();
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

    it('is not blamed for a connection that ends later in an attach', async () => {
      const port = await endAfter(pastTheHandshake);
      const broken = listenerId({ ...encrypted, trsvcid: String(port) }, nqn);
      await expect(attach(broken, { tls: { psk: psk.text } })).rejects.toMatchObject({
        code: 'ERR_SPDK_ATTACH_FAILED',
        message: expect.stringContaining('closed the connection'),
      });
    });

    it('has what requires it attached from a log that was read without', async () => {
      const log = await env.discover(listener, { hostNqn });
      const only = { filter: ({ service }: DiscoveryEntry) => service === encrypted.trsvcid };
      const without = await env.attachAll(log, { hostNqn, ...only });
      expect(without.skipped.filter(({ reason }) => reason === 'secure-channel')).toHaveLength(1);
      const { attached } = await env.attachAll(log, { hostNqn, ...only, tls: { psk: psk.text } });
      expect(await works(attached[0]?.controller as Controller)).toBe(true);
    });

    it('is needed at a port with it', async () => {
      expect(await codeOf(attach(encryptedId, {}))).not.toBe('none');
    });
  });
}

/** So many bytes of a host hold the handshake, the first message and Connect, and some commands more. */
const pastTheHandshake = 2_500;

/** Listens, passes everything on to the port with TLS, and ends a connection after that many bytes of the host. */
async function endAfter(bytes: number): Promise<number> {
  const server = createServer((host) => {
    const upstream = connect(Number(encrypted.trsvcid), encrypted.traddr);
    let passed = 0;
    host.on('data', (data) => {
      passed += data.length;
      if (passed > bytes) host.destroy();
      else upstream.write(data);
    });
    upstream.pipe(host);
    host.on('error', () => {}).on('close', () => upstream.destroy());
    upstream.on('error', () => {}).on('close', () => host.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, encrypted.traddr, resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

/** The command line's `list` of the subsystem. */
function list(...words: string[]) {
  const place = ['-t', 'tcp', '-a', listener.traddr, '-s', listener.trsvcid, '-n', nqn, '-q', hostNqn];
  const main = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
  return execa(process.execPath, [main, 'list', ...place, ...words], { reject: false, timeout: 60_000 });
}

/** The C library has no function for add_key(2), whose number is 248 on x86-64. */
const addKernelKey = `
import ctypes, sys
text = sys.stdin.buffer.read()
user_keyring = ctypes.c_int(-4)
sys.exit(ctypes.CDLL(None).syscall(248, b'user', sys.argv[1].encode(), text, len(text), user_keyring) < 0)
`;

import { pollings } from '../integration/support/each-polling.js';
