// TracingChannels of `node:diagnostics_channel`, which follow a call from its start to its outcome.

import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';

type Traced = 'spdk-nvme:attach' | 'spdk-nvme:detach' | 'spdk-nvme:reset' | 'spdk-nvme:io';
type Context = Record<string, unknown>;

const channels: Readonly<Record<Traced, TracingChannel<unknown, Context>>> = {
  'spdk-nvme:attach': tracingChannel('spdk-nvme:attach'),
  'spdk-nvme:detach': tracingChannel('spdk-nvme:detach'),
  'spdk-nvme:reset': tracingChannel('spdk-nvme:reset'),
  'spdk-nvme:io': tracingChannel('spdk-nvme:io'),
};

/** Whether I/O is traced; checked for each operation. */
export function tracesIo(): boolean {
  return channels['spdk-nvme:io'].hasSubscribers;
}

/** Does the work and notifies subscribers, if there are any. */
export function traced<Result>(
  name: Traced,
  work: () => Promise<Result>,
  context: () => Context,
): Promise<Result> {
  const channel = channels[name];
  return channel.hasSubscribers ? channel.tracePromise(work, context()) : work();
}
