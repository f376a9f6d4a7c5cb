// Attaches whose target closes a connection in the middle: SPDK's releases log different things then, and some log nothing.

import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../integration/support/limits.js';
import { within } from '../integration/support/timing.js';
import { localTarget } from './local-target.js';
import { asksForController, commandIn, digestsIn, isDataToHost, isFabrics } from './pdu.js';
import { type Hooks, PduProxy } from './proxy.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:closed';
const port = '4470';

const local = localTarget({
  port,
  subsystems: [{ nqn, serial: 'CLOSED', disk: { kind: 'null', sizeMb: 16, blockSize: 512 } }],
});

type Queue = 'admin' | 'io';

/** Messages of the host that begin a step of an attach. */
const steps: Record<string, (pdu: Buffer) => boolean> = {
  'its first message': (pdu) => digestsIn(pdu) !== undefined,
  Connect: (pdu) => isCommand(pdu, (command) => isFabrics(command, 'connect')),
  'a property': (pdu) => isCommand(pdu, (command) => isFabrics(command, 'propertyGet')),
  Identify: (pdu) => isCommand(pdu, asksForController),
};

function isCommand(pdu: Buffer, is: (command: Buffer) => boolean): boolean {
  const command = commandIn(pdu);
  return command !== undefined && is(command);
}

const ends: Record<string, (host: Socket) => void> = {
  closes: (host) => host.destroy(),
  resets: (host) => host.resetAndDestroy(),
};

/** @param hooks of a connection, whose queue it is given */
async function attachThrough(hooks: (queue: Queue, host: Socket) => Hooks): Promise<unknown> {
  let connections = 0;
  const proxy = await PduProxy.start({
    targetPort: Number(port),
    hooks: (_source, host) => {
      let chosen: Hooks | undefined;
      const hooksOnce = () => (chosen ??= hooks(connections++ === 0 ? 'admin' : 'io', host));
      return {
        // A probe of the port sends nothing.
        fromHost: (pdu) => hooksOnce().fromHost?.(pdu),
        fromTarget: (pdu) => hooksOnce().fromTarget?.(pdu),
      };
    },
  });
  onTestFinished(() => proxy.close());
  const attach = local.env.attach(local.id(nqn, proxy.port)).then(
    (controller) => controller.detach(),
    (error: unknown) => error,
  );
  return await within(limits.response, attach);
}

/** The target has closed the connection: before it sent anything, or later. */
const closed = (code: string) => ({
  code,
  errno: -constants.errno.ECONNRESET,
  message: expect.stringContaining('closed the connection'),
});

describe.each([
  ['admin', 'its first message', 'ERR_SPDK_UNREACHABLE'],
  ['admin', 'Connect', 'ERR_SPDK_ATTACH_FAILED'],
  ['admin', 'a property', 'ERR_SPDK_ATTACH_FAILED'],
  ['admin', 'Identify', 'ERR_SPDK_ATTACH_FAILED'],
  ['io', 'its first message', 'ERR_SPDK_ATTACH_FAILED'],
  ['io', 'Connect', 'ERR_SPDK_ATTACH_FAILED'],
] as const)('a target that does not respond on the %s queue to %s', (chosen, step, code) => {
  it.each(Object.keys(ends))('and %s the connection', async (how) => {
    const error = await attachThrough((queue, host) => ({
      fromHost: (pdu) => {
        if (queue === chosen && steps[step]?.(pdu)) ends[how]?.(host);
        return undefined;
      },
    }));
    expect(error).toMatchObject(closed(code));
  });
});

it('a target that closes the connection in the middle of its response', async () => {
  const error = await attachThrough((_queue, host) => ({
    fromTarget: (pdu) => {
      if (isDataToHost(pdu)) host.end(pdu.subarray(0, pdu.length / 2));
      return undefined;
    },
  }));
  expect(error).toMatchObject(closed('ERR_SPDK_ATTACH_FAILED'));
});
