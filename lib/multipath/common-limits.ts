// The limits of a namespace that hold on every path to it: controllers of one subsystem may differ.

import type { NamespaceInfo, OptimalSizes, SupportedCommands } from '../types.js';

/** What of a namespace each of its controllers says for itself. */
export type ControllerLimits = Pick<
  NamespaceInfo,
  'supports' | 'copyLimits' | 'compareAndWriteBlocks' | 'optimal'
>;

/** @param each as at least one path has them */
export function commonLimits(each: readonly ControllerLimits[]): ControllerLimits {
  const min = (limit: (one: ControllerLimits) => number) => Math.min(...each.map(limit));
  const [first] = each as readonly [ControllerLimits];
  const commands = Object.keys(first.supports) as (keyof SupportedCommands)[];
  const supports = Object.fromEntries(
    commands.map((command) => [command, each.every((one) => one.supports[command])]),
  ) as unknown as SupportedCommands;
  return {
    optimal: commonSizes(each.map(({ optimal }) => optimal)),
    supports: Object.freeze(supports),
    copyLimits: Object.freeze({
      ranges: min(({ copyLimits }) => copyLimits.ranges),
      rangeBlocks: min(({ copyLimits }) => copyLimits.rangeBlocks),
      blocks: min(({ copyLimits }) => copyLimits.blocks),
    }),
    compareAndWriteBlocks: min(({ compareAndWriteBlocks }) => compareAndWriteBlocks),
  };
}

/** What does not cross this boundary crosses none of the others; what is a multiple of these sizes is one of each. */
function commonSizes(each: readonly OptimalSizes[]): OptimalSizes {
  const reduce = (size: keyof OptimalSizes, join: (one: number, other: number) => number) =>
    each
      .map((one) => one[size])
      .reduce((one, other) => (one === 0 || other === 0 ? one + other : join(one, other)));
  const multiple = (size: keyof OptimalSizes) =>
    reduce(size, (one, other) => (one / divisor(one, other)) * other);
  return Object.freeze({
    ioBoundary: reduce('ioBoundary', divisor),
    writeGranularity: multiple('writeGranularity'),
    writeAlignment: multiple('writeAlignment'),
    writeSize: multiple('writeSize'),
    deallocateGranularity: multiple('deallocateGranularity'),
    deallocateAlignment: multiple('deallocateAlignment'),
  });
}

/** The greatest common divisor. */
function divisor(one: number, other: number): number {
  return other === 0 ? one : divisor(other, one % other);
}
