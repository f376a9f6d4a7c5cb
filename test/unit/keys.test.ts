// Keys for authentication and encryption: which are accepted, that targets compare them, and that nothing shows them.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AttachOptions, Environment } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import type { NativeAddon, NativeKeys } from '../../lib/native/contract.js';
import { resolveAttachOptions } from '../../lib/options/attach.js';
import { KeySource } from '../../lib/options/key-source.js';
import { parseTransportId } from '../../lib/options/transport-id.js';
import { MemoryAddon } from '../../lib/testing/addon.js';
import type { MemorySubsystem } from '../../lib/testing/subsystem.js';
import { keyText } from '../support/keys.js';
import { expectCode, thrownBy } from './coded.js';
import { Random } from './random.js';

const tcp = parseTransportId(
  'trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4420 subnqn:nqn.2026-01.io.spdk:a',
);
const rdma = parseTransportId(
  'trtype:RDMA adrfam:IPv4 traddr:10.0.0.1 trsvcid:4420 subnqn:nqn.2026-01.io.spdk:a',
);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-keys-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const resolve = (options: unknown, id = tcp) => resolveAttachOptions(options, id);
const dhchap = (key: unknown) => resolve({ dhchap: { key } });
const text = (kind: 'dhchap' | 'tls', hash: string, bytes: number) => Buffer.from(keyText(kind, hash, bytes));

function file(content: string | Uint8Array, mode = 0o600): string {
  const name = path.join(folder, randomBytes(6).toString('hex'));
  fs.writeFileSync(name, content, { mode });
  fs.chmodSync(name, mode);
  return name;
}

describe('the text of a key', () => {
  it.each([
    ['00', [32, 48, 64]],
    ['01', [32]],
    ['02', [48]],
    ['03', [64]],
  ] as const)('for DH-HMAC-CHAP has with hash %s the lengths %j', (hash, lengths) => {
    for (const bytes of [16, 32, 48, 64]) {
      const key = text('dhchap', hash, bytes);
      if ((lengths as readonly number[]).includes(bytes)) dhchap(key);
      else expectCode(() => dhchap(key), 'ERR_SPDK_INVALID_KEY', /dhchap\.key must hold a key of/);
    }
  });

  it.each([
    ['00', [32, 48]],
    ['01', [32]],
    ['02', [48]],
  ] as const)('for TLS has with hash %s the lengths %j', (hash, lengths) => {
    for (const bytes of [16, 32, 48, 64]) {
      const psk = text('tls', hash, bytes);
      if ((lengths as readonly number[]).includes(bytes)) resolve({ tls: { psk } });
      else expectCode(() => resolve({ tls: { psk } }), 'ERR_SPDK_INVALID_KEY', /tls\.psk must hold a key of/);
    }
  });

  it('may end with a line end, as a file has it', () => {
    dhchap(Buffer.from(`${keyText('dhchap', '01', 32)}\n`));
  });

  it('is rejected when it is cut, changed or of the other kind', () => {
    const good = text('dhchap', '01', 32);
    expectCode(() => dhchap(good.subarray(0, -5)), 'ERR_SPDK_INVALID_KEY');
    expectCode(() => dhchap(text('tls', '01', 32)), 'ERR_SPDK_INVALID_KEY', /form DHHC-1:hh:base64:/);
    expectCode(() => dhchap(text('dhchap', '04', 32)), 'ERR_SPDK_INVALID_KEY', /one of the hashes/);
    expectCode(() => dhchap(Buffer.alloc(0)), 'ERR_SPDK_INVALID_KEY', /1 to 256 bytes/);
    expectCode(() => dhchap(Buffer.alloc(257, 'x')), 'ERR_SPDK_INVALID_KEY', /1 to 256 bytes/);
    const random = new Random(7);
    for (let i = 0; i < 2_000; i++) {
      const changed = Buffer.from(good);
      const at = random.below(changed.length);
      const byte = random.below(256);
      if (changed[at] === byte) continue;
      changed[at] = byte;
      // Only white space that is added at the end would not change the key.
      expectCode(() => dhchap(changed), 'ERR_SPDK_INVALID_KEY');
    }
  });
});

describe('where a key is', () => {
  it('is not a string, which is not repeated either', () => {
    const secret = keyText('dhchap', '01', 32);
    const { code, message } = thrownBy(() => dhchap(secret));
    expect(code).toBe('ERR_SPDK_INVALID_ARG_TYPE');
    expect(message).not.toContain(secret.slice(10, 20));
  });

  it.each([
    ['nothing', {}, 'ERR_SPDK_CONFLICTING_OPTIONS'],
    ['a file and a kernel key', { file: '/a', kernelKey: 'b' }, 'ERR_SPDK_CONFLICTING_OPTIONS'],
    ['a relative path', { file: 'a' }, 'ERR_SPDK_INVALID_ARG_VALUE'],
    ['an empty description', { kernelKey: '' }, 'ERR_SPDK_INVALID_ARG_VALUE'],
    ['a file that is a number', { file: 3 }, 'ERR_SPDK_INVALID_ARG_TYPE'],
    ['another key', { path: '/a' }, 'ERR_SPDK_UNKNOWN_OPTION'],
    ['another view', new Uint16Array(8), 'ERR_SPDK_INVALID_ARG_TYPE'],
    ['null', null, 'ERR_SPDK_INVALID_ARG_TYPE'],
    ['a number', 5, 'ERR_SPDK_INVALID_ARG_TYPE'],
  ] as const)('is rejected when it is %s', (_, key, code) => {
    expectCode(() => dhchap(key), code);
  });

  it('needs TCP for TLS', () => {
    const psk = text('tls', '01', 32);
    expectCode(() => resolve({ tls: { psk } }, rdma), 'ERR_SPDK_CONFLICTING_OPTIONS', /tls needs/);
  });

  it('is rejected with the options beside it', () => {
    const key = text('dhchap', '01', 32);
    const with_ = (more: object) => () => resolve({ dhchap: { key, ...more } });
    expectCode(() => resolve({ dhchap: {} }), 'ERR_SPDK_INVALID_ARG_VALUE', /needs a key/);
    expectCode(() => resolve({ tls: {} }), 'ERR_SPDK_INVALID_ARG_VALUE', /needs a psk/);
    expectCode(with_({ digests: [] }), 'ERR_SPDK_INVALID_ARG_VALUE', /must not be empty/);
    expectCode(with_({ digests: 'sha256' }), 'ERR_SPDK_INVALID_ARG_TYPE');
    expectCode(with_({ digests: ['md5'] }), 'ERR_SPDK_INVALID_ARG_VALUE', /'sha256' or 'sha384'/);
    expectCode(with_({ groups: ['ffdhe1024'] }), 'ERR_SPDK_INVALID_ARG_VALUE');
    expectCode(with_({ groups: new Array(1_000).fill('null') }), 'ERR_SPDK_INVALID_ARG_VALUE', /at most 6/);
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    expect(thrownBy(with_({ groups: proxy })).code).toMatch(/^ERR_SPDK_/);
    const chosen = { digests: ['sha256', 'sha512'], groups: ['null', 'ffdhe2048'] };
    expect(resolve({ dhchap: { key, ...chosen } }).dhchap).toMatchObject(chosen);
  });
});

describe('attaching with keys', () => {
  const mine = keyText('dhchap', '01', 32);
  const theirs = keyText('dhchap', '00', 48);
  const psk = keyText('tls', '02', 48);
  let addon: MemoryAddon;
  let subsystem: MemorySubsystem;
  let env: Environment;
  let passed: NativeKeys | undefined;

  beforeEach(async () => {
    addon = new MemoryAddon();
    subsystem = addon.addTarget().addSubsystem('nqn.2026-01.io.spdk:a');
    subsystem.addNamespace(1, { blocks: 64 });
    useAddon(addon);
    env = await Environment.init();
    passed = undefined;
    const [native] = addon.environments;
    const attach = native?.attach.bind(native);
    if (!native || !attach) throw new Error('no environment');
    native.attach = (request) => {
      passed = request.keys;
      return attach(request);
    };
  });
  afterEach(async () => {
    await env.close();
    useAddon(undefined);
  });

  const attach = async (options: AttachOptions) => {
    const controller = await env.attach(subsystem.id, options).catch((error) => error);
    if (controller instanceof Error) return (controller as NodeJS.ErrnoException).code;
    await controller.detach();
    return 'attached';
  };
  const failed = 'ERR_SPDK_AUTHENTICATION_FAILED';
  const buffer = (key: string) => Buffer.from(key);

  it('succeeds with the right ones only', async () => {
    subsystem.keys = { dhchapKey: mine, dhchapControllerKey: theirs };
    expect(await attach({ dhchap: { key: buffer(mine) } })).toBe('attached');
    expect(await attach({ dhchap: { key: buffer(mine), controllerKey: buffer(theirs) } })).toBe('attached');
    expect(await attach({})).toBe(failed);
    expect(await attach({ dhchap: { key: buffer(theirs) } })).toBe(failed);
    expect(await attach({ dhchap: { key: buffer(mine), controllerKey: buffer(mine) } })).toBe(failed);
    expect(await attach({ dhchap: { key: buffer(mine) }, tls: { psk: buffer(psk) } })).toBe(failed);
    subsystem.keys = { tlsPsk: psk };
    expect(await attach({ tls: { psk: buffer(psk) } })).toBe('attached');
    expect(await attach({})).toBe(failed);
  });

  it('reads a file anew for each attach', async () => {
    subsystem.keys = { dhchapKey: mine };
    const key = { file: file(`${mine}\n`) };
    expect(await attach({ dhchap: { key } })).toBe('attached');
    fs.writeFileSync(key.file, theirs);
    expect(await attach({ dhchap: { key } })).toBe(failed);
  });

  it('rejects a file that others can read, that is no file, is too long, absent or no key', async () => {
    const code = (name: string) => attach({ dhchap: { key: { file: name } } });
    expect(await code(file(mine, 0o640))).toBe('ERR_SPDK_INVALID_KEY');
    expect(await code(folder)).toBe('ERR_SPDK_INVALID_KEY');
    expect(await code('/dev/zero')).toBe('ERR_SPDK_INVALID_KEY');
    expect(await code(file('x'.repeat(300)))).toBe('ERR_SPDK_INVALID_KEY');
    expect(await code(file(''))).toBe('ERR_SPDK_INVALID_KEY');
    expect(await code(file('no key'))).toBe('ERR_SPDK_INVALID_KEY');
    expect(await code(path.join(folder, 'absent'))).toBe('ERR_SPDK_INVALID_KEY');
  });

  it('rejects a kernel key that there is not', async () => {
    expect(await attach({ dhchap: { key: { kernelKey: 'nvme:absent' } } })).toBe('ERR_SPDK_INVALID_KEY');
    expect(passed).toBeUndefined();
  });

  it('takes a kernel key in memory of another realm, as native code returns it in a test runner', async () => {
    const bytes: Uint8Array = runInNewContext(`Uint8Array.from([${[...buffer(mine)]}])`);
    subsystem.keys = { dhchapKey: mine };
    vi.spyOn<NativeAddon, 'readKernelKey'>(addon, 'readKernelKey').mockReturnValue(bytes);
    expect(await attach({ dhchap: { key: { kernelKey: 'nvme:mine' } } })).toBe('attached');
  });

  it('wipes what it has copied, and not what it was given', async () => {
    const given = buffer(mine);
    const keys = { key: given, controllerKey: buffer(theirs) };
    const chosen = { digests: ['sha256', 'sha512'], groups: ['null', 'ffdhe2048'] } as const;
    const pending = attach({ dhchap: { ...keys, ...chosen } });
    expect(
      passed?.dhchapKey.every((byte) => byte === 0),
      'after native code has copied it',
    ).toBe(true);
    expect(passed?.dhchapControllerKey.every((byte) => byte === 0)).toBe(true);
    expect(passed).toMatchObject({ dhchapDigests: 0b1010, dhchapGroups: 0b11 });
    await pending;
    expect(given.toString()).toBe(mine);
  });

  it('wipes its copies also where the call ends before it begins', async () => {
    const copies = vi.spyOn(KeySource, 'ofText');
    const wipes = vi.spyOn(KeySource.prototype, 'wipe');
    const keys = { dhchap: { key: buffer(mine), controllerKey: buffer(theirs) } };
    const other = subsystem.target.id(subsystem.nqn).replace('trtype:TCP', 'trtype:RDMA');
    const both = [subsystem.id, other];
    const bad = buffer('no key');
    const pcie = 'trtype:PCIe traddr:0000:01:00.0';
    const attaches: Record<string, () => Promise<unknown>> = {
      'a fired signal': () => env.attachSubsystem(both, { ...keys, signal: AbortSignal.abort() }),
      'a path given twice': () => env.attachSubsystem([...both, other], keys),
      'a bad path': () => env.attachSubsystem([...both, 'nowhere'], keys),
      'a bad option of a path': () =>
        env.attachSubsystem([both[0] as string, { id: other, ioQueues: 0 }], keys),
      'a bad second key': () => env.attach(subsystem.id, { dhchap: { ...keys.dhchap, controllerKey: bad } }),
      'bad TLS': () => env.attach(subsystem.id, { ...keys, tls: { psk: bad } }),
      'a bad option': () => env.attach(subsystem.id, { ...keys, ioQueues: 0 }),
      'bad groups': () => env.attach(subsystem.id, { dhchap: { ...keys.dhchap, groups: [] } }),
      'no fabric': () => env.attach(pcie, keys),
      'a closed environment': async () => {
        await env.close();
        await env.attachSubsystem(both, keys);
      },
    };
    for (const [what, attaching] of Object.entries(attaches)) {
      await expect(attaching(), what).rejects.toThrow();
      const made = copies.mock.results.flatMap(({ type, value }) => (type === 'return' ? [value] : []));
      const wiped = new Set<unknown>(wipes.mock.contexts);
      expect(made.filter((source) => !wiped.has(source)).length, what).toBe(0);
    }
    expect(copies.mock.results.length).toBeGreaterThan(5);
    vi.restoreAllMocks();
  });

  it('gives each path of a subsystem its own copy', async () => {
    subsystem.keys = { dhchapKey: mine };
    const other = subsystem.target.id(subsystem.nqn).replace('trtype:TCP', 'trtype:RDMA');
    const paths = [subsystem.id, other];
    const attached = await env.attachSubsystem(paths, { dhchap: { key: buffer(mine) } });
    const up = () => attached.paths.every(({ state }) => state === 'up');
    await vi.waitFor(() => expect(up()).toBe(true));
    await attached.detach();
  });

  it('shows no key: neither inspected nor as JSON, in errors nor in the history', async () => {
    const secret = mine.slice(12, 30);
    const resolved = resolve({ dhchap: { key: buffer(mine) } });
    expect(inspect(resolved, { depth: 10, showHidden: true })).not.toContain(secret);
    expect(JSON.stringify(resolved)).not.toContain(secret);
    subsystem.keys = { dhchapKey: theirs };
    const error = await env.attach(subsystem.id, { dhchap: { key: buffer(mine) } }).catch((thrown) => thrown);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secret);
    subsystem.keys = { dhchapKey: mine };
    const controller = await env.attach(subsystem.id, { dhchap: { key: buffer(mine) } });
    const shown = inspect(controller, { depth: 10, showHidden: true }) + JSON.stringify(controller.history);
    expect(shown).not.toContain(secret);
  });
});
