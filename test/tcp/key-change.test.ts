// Other DH-HMAC-CHAP keys for an attached controller, with SPDK's own target of v24.09 and later; before, they are rejected.

import { beforeEach, describe, expect, it } from 'vitest';
import type { Namespace } from '../../lib/index.js';
import { pollings } from '../integration/support/each-polling.js';
import { limits } from '../integration/support/limits.js';
import { release } from '../integration/support/release.js';
import { codeOf, eventually, rejection, within } from '../integration/support/timing.js';
import { VerifiedLoad } from '../integration/support/verified-load.js';
import { keyText } from '../support/keys.js';
import { keyedTarget, type SharedKey, works } from './keyed-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:key-change';
const hostNqn = 'nqn.2026-11.dev.spdk-nvme:authenticated-host';
const { admit, attach, local, sharedKey } = keyedTarget({ port: '4494', nqn, hostNqn });
const id = local.id(nqn);
const failed = 'ERR_SPDK_AUTHENTICATION_FAILED';
/** The largest takes half a second for each queue. */
const groups = ['ffdhe2048'] as const;

if (release() < 2409) {
  it('is rejected before v24.09, and the controller goes on', async () => {
    const controller = await attach(id, {});
    const key = Buffer.from(keyText('dhchap', '01', 32));
    const change = controller.changeKeys({ dhchap: { key } });
    expect((await rejection('ERR_SPDK_UNSUPPORTED', limits.response, change)).message).toContain('v24.09');
    expect(await works(controller)).toBe(true);
  });
} else {
  describe('from v24.09 on', () => {
    let now: SharedKey;
    const setKeys = (keys: Record<string, string>) =>
      local.target.call('nvmf_subsystem_set_keys', { nqn, host: hostNqn, ...keys });

    beforeEach(async () => {
      now = await sharedKey(keyText('dhchap', '01', 32));
      await admit({ dhchap_key: now.name });
    });

    it.each(pollings)('are used while I/O goes on, polled by %s, and after a reset', async (polling) => {
      const reset: unknown[] = [];
      const controller = await attach(id, { polling, ioQueues: 2, dhchap: { key: now.text, groups } });
      controller.on('resetting', (why) => reset.push(why));
      const load = new VerifiedLoad(controller.namespaces[0] as Namespace);
      await within(limits.attach, load.progress(100));
      const [next, theirs] = [
        await sharedKey(keyText('dhchap', '02', 48)),
        await sharedKey(keyText('dhchap', '01', 32)),
      ];
      await setKeys({ dhchap_key: next.name, dhchap_ctrlr_key: theirs.name });
      await within(
        limits.attach,
        controller.changeKeys({ dhchap: { key: next.text, controllerKey: theirs.text } }),
      );
      await within(limits.attach, load.progress(100));
      expect(reset).toEqual([]);
      await within(limits.reset, controller.reset());
      await within(limits.attach, load.progress(100));
      await load.stop();
      expect(load.findings).toEqual([]);
    });

    it('leave the old ones if the target does not accept them', async () => {
      const reconnect = { ctrlrLossTimeoutMs: 20_000, reconnectDelayMs: 200 };
      const controller = await attach(id, { ...reconnect, ioQueues: 2, dhchap: { key: now.text, groups } });
      const load = new VerifiedLoad(controller.namespaces[0] as Namespace);
      const key = Buffer.from(keyText('dhchap', '01', 32));
      expect(await codeOf(controller.changeKeys({ dhchap: { key } }))).toBe(failed);
      await within(limits.reset, load.progress(500));
      await load.stop();
      expect(load.findings).toEqual([]);
      expect(controller.state).toBe('attached');
    });

    it('fail the controller without a reconnect policy, and are used by the next reset', async () => {
      const controller = await attach(id, { dhchap: { key: now.text, groups } });
      const next = await sharedKey(keyText('dhchap', '01', 32));
      expect(await codeOf(controller.changeKeys({ dhchap: { key: next.text } }))).toBe(failed);
      expect(await eventually(limits.unreachable, () => controller.state === 'failed')).toBe(true);
      await setKeys({ dhchap_key: next.name });
      await controller.changeKeys({ dhchap: { key: next.text } });
      await within(limits.reset, controller.reset());
      expect(await works(controller)).toBe(true);
    });

    it('settle when the controller is detached meanwhile, or the target does not respond', async () => {
      const controller = await attach(id, { dhchap: { key: now.text } });
      const change = codeOf(controller.changeKeys({ dhchap: { key: now.text } }));
      await within(limits.detach, controller.detach());
      expect(await within(limits.response, change)).toMatch(
        /^(none|ERR_SPDK_(CONTROLLER_FAILED|DETACHING))$/,
      );
      const another = await attach(id, { dhchap: { key: now.text } });
      process.kill(local.target.pid, 'SIGSTOP');
      try {
        const late = another.changeKeys({ dhchap: { key: now.text }, timeoutMs: 500 });
        expect(await within(limits.response + 1_000, codeOf(late))).toBe('ERR_SPDK_TIMEOUT');
        expect(await eventually(limits.unreachable, () => another.state === 'failed')).toBe(true);
      } finally {
        process.kill(local.target.pid, 'SIGCONT');
      }
    });
  });
}
