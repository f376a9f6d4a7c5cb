// DH-HMAC-CHAP over RDMA with SPDK's own target, and over RDMA and TCP with the kernel's target if the guest's kernel has it
// (CONFIG_NVME_TARGET_AUTH: Debian's 6.1 has not, 6.12 has). Needs SPDK v24.05; before, keys are rejected.
// test/tcp/authentication.test.ts has more, with SPDK's own target.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AttachOptions, Controller, Environment, Namespace } from '../../lib/index.js';
import { type FabricPort, ports, subsystems, transportId } from '../../scripts/fabric/topology.js';
import { listenerId } from '../../scripts/target/config.js';
import {
  addSubsystem,
  admitWithKeys,
  allow,
  hostsHaveKeys,
  removeHost,
  withdraw,
} from '../../scripts/target/kernel-target.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { keyText } from '../support/keys.js';
import { detachLeftovers, ids, open } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { release } from './support/release.js';
import { codeOf, eventually, rejection, within } from './support/timing.js';
import { VerifiedLoad } from './support/verified-load.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:authentication';
const hostNqn = 'nqn.2026-11.dev.spdk-nvme:authenticated-host';
const failed = 'ERR_SPDK_AUTHENTICATION_FAILED';
/** The largest takes half a second for each queue, on hardware. */
const groups = ['ffdhe2048'] as const;
const newKey = () => Buffer.from(keyText('dhchap', '01', 32));

let env: Environment;
beforeAll(async () => {
  env = await open();
});
afterEach(() => detachLeftovers(env));
afterAll(async () => {
  await env?.close();
});

type HostKeys = Parameters<typeof admitWithKeys>[2];

interface AuthenticatingTarget {
  readonly id: string;
  /** Sets the keys of the host; existing connections stay. */
  setKeys(keys: HostKeys): Promise<void>;
  /** Ends the host's connections, and allows it again. */
  endConnections(): Promise<void>;
  stop(): Promise<void>;
}

function describeAuthentication(name: string, start: () => Promise<AuthenticatingTarget>): void {
  describe(name, () => {
    const now = { key: newKey(), controllerKey: newKey() };
    let target: AuthenticatingTarget;
    beforeAll(async () => {
      target = await start();
    });
    beforeEach(() => target.setKeys(now));
    afterAll(() => target?.stop());

    const attach = (options: AttachOptions): Promise<Controller> =>
      within(limits.start, env.attach(target.id, { hostNqn, timeoutMs: limits.start, ...options }));
    const namespaceOf = ({ namespaces }: Controller) => namespaces[0] as Namespace;
    const works = async (controller: Controller) => {
      const load = new VerifiedLoad(namespaceOf(controller), { depth: 4 });
      await within(limits.start, load.progress(20));
      await load.expectClean(limits.start);
    };

    it('succeeds one way and both ways', async () => {
      const one = await attach({ ioQueues: 2, dhchap: { key: now.key, groups } });
      await works(one);
      await one.detach();
      await works(await attach({ ioQueues: 2, polling: 'inline', dhchap: { ...now, groups } }));
    });

    it('fails without a key, with a wrong one, and with a controller that has another', async () => {
      expect(await codeOf(attach({}))).toBe(failed);
      expect(await codeOf(attach({ dhchap: { key: newKey(), groups } }))).toBe(failed);
      expect(await codeOf(attach({ dhchap: { ...now, controllerKey: newKey(), groups } }))).toBe(failed);
    });

    it('fails with a target that does not authenticate, if it is to prove who it is', async () => {
      await target.setKeys({});
      expect(await codeOf(attach({ dhchap: { ...now, groups } }))).toBe(failed);
      await works(await attach({ dhchap: { key: now.key, groups } }));
    });

    it('is tried again while a key has expired, and reconnects with the right one', async () => {
      const reconnect = { ctrlrLossTimeoutMs: 60_000, reconnectDelayMs: 500 };
      const controller = await attach({ ...reconnect, dhchap: { ...now, groups } });
      const load = new VerifiedLoad(namespaceOf(controller), { depth: 4 });
      await load.progress(20);
      await target.setKeys({ key: newKey() });
      await target.endConnections();
      const rejected = () => controller.history.some(({ code }) => code === failed);
      expect(await eventually(limits.noticed, rejected)).toBe(true);
      await target.setKeys(now);
      expect(await eventually(limits.noticed, () => controller.state === 'attached')).toBe(true);
      await within(limits.start, load.progress(20));
      await load.expectClean(limits.start);
    });

    it.runIf(release() >= 2409)('uses other keys under I/O, without a reset', async () => {
      const controller = await attach({ ioQueues: 2, dhchap: { ...now, groups } });
      // Over RDMA the I/O queues do not authenticate again: SPDK would hold their I/O indefinitely.
      const resets: unknown[] = [];
      controller.on('resetting', (why) => resets.push(why));
      const load = new VerifiedLoad(namespaceOf(controller));
      await load.progress(100);
      const next = { key: newKey(), controllerKey: newKey() };
      await target.setKeys(next);
      await controller.changeKeys({ dhchap: next, timeoutMs: limits.start });
      await within(limits.start, load.progress(100));
      expect(resets).toEqual([]);
      await within(limits.noticed, controller.reset());
      await within(limits.start, load.progress(100));
      await load.expectClean(limits.start);
    });
  });
}

/** SPDK's own target over RDMA. */
async function spdkTarget(): Promise<AuthenticatingTarget> {
  const listener = { trtype: 'RDMA', traddr: ports.rdma.traddr, trsvcid: '4476' } as const;
  const disk = { kind: 'malloc', sizeMb: 16, blockSize: 512 } as const;
  const target: SpdkTarget = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [{ nqn, serial: 'KEYS', disk, allowedHosts: [] }],
  });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-keys-'));
  let names = 0;
  let current: Record<string, string> = {};
  const named = async (key: Buffer | undefined) => {
    if (key === undefined) return undefined;
    const name = `key${names++}`;
    const file = path.join(folder, name);
    fs.writeFileSync(file, key, { mode: 0o600 });
    await target.call('keyring_file_add_key', { name, path: file });
    return name;
  };
  const host = { nqn, host: hostNqn };
  const admit = async () => {
    await target.call('nvmf_subsystem_remove_host', host).catch(() => {});
    await target.call('nvmf_subsystem_add_host', { ...host, ...current });
  };
  let admitted = false;
  return {
    id: listenerId(listener, nqn),
    setKeys: async ({ key, controllerKey }) => {
      const [mine, theirs] = [await named(key), await named(controllerKey)];
      current = { ...(mine && { dhchap_key: mine }), ...(theirs && { dhchap_ctrlr_key: theirs }) };
      // From v24.09 on nvmf_tgt can change a key, but not remove one.
      if (!admitted || !(mine && theirs) || release() < 2409) await admit();
      else await target.call('nvmf_subsystem_set_keys', { ...host, ...current });
      admitted = true;
    },
    endConnections: admit,
    stop: async () => {
      await target.stop('SIGKILL');
      fs.rmSync(folder, { recursive: true });
    },
  };
}

/** The kernel's target, with a subsystem on one of the fabric's ports. */
function kernelTarget(port: FabricPort): () => Promise<AuthenticatingTarget> {
  return async () => {
    const device = `/dev/${subsystems.disk1.namespaces[0]?.disk}`;
    const remove = addSubsystem(nqn, 'KEYS', [{ id: 1, device }], [port]);
    return {
      id: transportId(nqn, port),
      setKeys: async (keys) => admitWithKeys(nqn, hostNqn, keys),
      endConnections: async () => {
        withdraw(nqn, port);
        allow(nqn, port);
      },
      stop: async () => {
        remove();
        removeHost(hostNqn);
      },
    };
  };
}

if (release() < 2405) {
  it('is rejected over RDMA before SPDK v24.05, and nothing is sent', async () => {
    const attach = env.attach(ids.disk0, { dhchap: { key: newKey() } });
    await rejection('ERR_SPDK_UNSUPPORTED', limits.response, attach);
    await expectNothingHeld();
  });
} else {
  describeAuthentication('with nvmf_tgt over RDMA', spdkTarget);
  if (hostsHaveKeys()) {
    describeAuthentication('with the kernel’s target over RDMA', kernelTarget(ports.rdma));
    describeAuthentication('with the kernel’s target over TCP', kernelTarget(ports.tcp));
  }
}
