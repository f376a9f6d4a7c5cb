// The limits of a namespace that hold on every path to it: controllers of one subsystem may differ.

import type { NamespaceInfo, SupportedCommands } from '../types.js';

/** What of a namespace each of its controllers says for itself. */
export type ControllerLimits = Pick<NamespaceInfo, 'supports' | 'copyLimits' | 'compareAndWriteBlocks'>;

/** @param each as at least one path has them */
export function commonLimits(each: readonly ControllerLimits[]): ControllerLimits {
  const min = (limit: (one: ControllerLimits) => number) => Math.min(...each.map(limit));
  const [first] = each as readonly [ControllerLimits];
  const commands = Object.keys(first.supports) as (keyof SupportedCommands)[];
  const supports = Object.fromEntries(
    commands.map((command) => [command, each.every((one) => one.supports[command])]),
  ) as unknown as SupportedCommands;
  return {
    supports: Object.freeze(supports),
    copyLimits: Object.freeze({
      ranges: min(({ copyLimits }) => copyLimits.ranges),
      rangeBlocks: min(({ copyLimits }) => copyLimits.rangeBlocks),
      blocks: min(({ copyLimits }) => copyLimits.blocks),
    }),
    compareAndWriteBlocks: min(({ compareAndWriteBlocks }) => compareAndWriteBlocks),
  };
}
