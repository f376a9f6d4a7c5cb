// The channels of `node:diagnostics_channel`. Their messages are declared beside the classes that publish them.

import { channel } from 'node:diagnostics_channel';

/** The channels by name. A channel costs nothing while it has no subscriber. */
const channels = {
  'spdk-nvme:attach': channel('spdk-nvme:attach'),
  'spdk-nvme:attach:error': channel('spdk-nvme:attach:error'),
  'spdk-nvme:detach': channel('spdk-nvme:detach'),
  'spdk-nvme:detach:error': channel('spdk-nvme:detach:error'),
  'spdk-nvme:failed': channel('spdk-nvme:failed'),
  'spdk-nvme:resetting': channel('spdk-nvme:resetting'),
  'spdk-nvme:reset': channel('spdk-nvme:reset'),
  'spdk-nvme:path': channel('spdk-nvme:path'),
  'spdk-nvme:ana': channel('spdk-nvme:ana'),
  'spdk-nvme:failover': channel('spdk-nvme:failover'),
  'spdk-nvme:no-path': channel('spdk-nvme:no-path'),
} as const;

/** Publishes to the channels that `Messages` describes. */
export type Publish<Messages> = <Name extends keyof Messages & keyof typeof channels>(
  name: Name,
  message: Messages[Name],
) => void;

/** Publishes a message. A subscriber that throws causes an uncaught exception, not an error here. */
export function publishTo(name: keyof typeof channels, message: unknown): void {
  if (channels[name].hasSubscribers) channels[name].publish(message);
}
