import { channel } from 'node:diagnostics_channel';
import type { Controller } from '../controller.js';
import type { SpdkError, SpdkTypeError } from '../errors/spdk-error.js';
import type { TransportId } from '../options/transport-id.js';
import type { DetachReport, ResetReport } from '../types.js';

/** What subscribers to each channel of `node:diagnostics_channel` get. docs/guide/diagnosis.md describes them. */
export interface DiagnosticsMessages {
  /** A controller was attached. */
  'spdk-nvme:attach': { readonly controller: Controller; readonly ms: number };
  /** An attach was rejected, for whatever reason; options that were refused before it began are not told. */
  'spdk-nvme:attach:error': {
    readonly transportId: TransportId;
    readonly error: unknown;
    readonly ms: number;
  };
  /** A controller is gone, and everything it held is free again. */
  'spdk-nvme:detach': { readonly controller: Controller; readonly report: DetachReport };
  /** A detach was rejected: the controller is wedged. */
  'spdk-nvme:detach:error': { readonly controller: Controller; readonly error: unknown };
  /** The link or the target of a controller died. */
  'spdk-nvme:failed': { readonly controller: Controller; readonly error: SpdkError | SpdkTypeError };
  /** A reset has begun; without a reason it was asked for. */
  'spdk-nvme:resetting': {
    readonly controller: Controller;
    readonly reason: SpdkError | SpdkTypeError | undefined;
  };
  /** A controller is connected again. */
  'spdk-nvme:reset': { readonly controller: Controller; readonly report: ResetReport };
}

/** The channels by their names. They cost nothing while nobody subscribes. */
const channels = {
  'spdk-nvme:attach': channel('spdk-nvme:attach'),
  'spdk-nvme:attach:error': channel('spdk-nvme:attach:error'),
  'spdk-nvme:detach': channel('spdk-nvme:detach'),
  'spdk-nvme:detach:error': channel('spdk-nvme:detach:error'),
  'spdk-nvme:failed': channel('spdk-nvme:failed'),
  'spdk-nvme:resetting': channel('spdk-nvme:resetting'),
  'spdk-nvme:reset': channel('spdk-nvme:reset'),
} as const satisfies Record<keyof DiagnosticsMessages, ReturnType<typeof channel>>;

/** @internal Tells whoever has subscribed. A subscriber that throws makes an uncaught exception, not an error here. */
export function publish<Name extends keyof DiagnosticsMessages>(
  name: Name,
  message: DiagnosticsMessages[Name],
): void {
  if (channels[name].hasSubscribers) channels[name].publish(message);
}
