// Targets that reject a path of a subsystem for good, while I/O goes on over the other one.

import { expect, it } from 'vitest';
import { VerifiedLoad } from '../integration/support/verified-load.js';
import { isUp, only, twoTargets, until } from './two-targets.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:rejecting';
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4471' } as const;
const two = twoTargets({ nqn, listeners: [listener, { ...listener, trsvcid: '4472' }] });
const policy = { reconnectDelayMs: 100, ctrlrLossTimeoutMs: 60_000, stopOnRejection: true } as const;

it('the subsystem is deleted: attempts end at the first rejection, and the path can be added again later', async () => {
  await using subsystem = await two.attach(policy);
  const [first] = subsystem.paths;
  subsystem.prefer(first);
  const load = new VerifiedLoad(only(subsystem));
  await load.progress(100);
  // The target goes on listening for another subsystem.
  const other = { nqn: `${nqn}-other`, listen_address: { ...listener, adrfam: 'IPv4' } };
  await two.targets[0]?.call('nvmf_create_subsystem', { nqn: other.nqn });
  await two.targets[0]?.call('nvmf_subsystem_add_listener', other);
  await two.targets[0]?.call('nvmf_delete_subsystem', { nqn });
  await until(() => first?.state === 'failed');
  expect(first?.error).toMatchObject({ code: 'ERR_SPDK_CONNECT_REJECTED', nvmeStatus: { dnr: true } });
  await load.progress(100);
  await two.stop(0, 'SIGKILL');
  await two.start(0);
  if (first) await subsystem.removePath(first);
  subsystem.addPath(two.ids[0]);
  await until(() => isUp(subsystem, 0) && isUp(subsystem, 1));
  await load.progress(100);
  await load.expectClean(5_000);
});

it('the host is not admitted to one of the targets: that path fails, and the other one is used', async () => {
  await two.stop(1, 'SIGKILL');
  await two.start(1, { allowedHosts: ['nqn.2026-11.dev.spdk-nvme:nobody'] });
  await using subsystem = await two.env.attachSubsystem(two.ids, policy);
  await until(() => subsystem.paths[1]?.state === 'failed');
  expect(subsystem.paths[1]?.error).toMatchObject({
    code: 'ERR_SPDK_CONNECT_REJECTED',
    nvmeStatus: { sct: 1, sc: 0x84, dnr: true },
  });
  await only(subsystem).write(Buffer.alloc(512), { offset: 0 });
  expect(subsystem.paths[0]?.state).toBe('up');
  await two.stop(1, 'SIGKILL');
});
