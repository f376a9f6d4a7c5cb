// What happens to several paths, in any order.

import fc from 'fast-check';
import type { SubsystemOptions } from '../../../lib/index.js';

/** Of the disk. */
export const blocks = 6;

/** What may happen to the paths, and what a program does meanwhile. */
export const pathStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('write', 'write', 'read', 'read', 'zero'),
      block: fc.nat(blocks - 1),
      most: fc.integer({ min: 1, max: 3 }),
      dma: fc.boolean(),
      timeoutMs: fc.option(fc.integer({ min: 1, max: 400 }), { freq: 4 }),
      onTimeout: fc.constantFrom('none', 'abort', 'reset'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        ...(['down', 'up', 'drop', 'silent', 'speak', 'reject', 'later', 'add', 'remove'] as const),
        ...(['reset', 'prefer', 'leave', 'hide', 'show'] as const),
      ),
      path: fc.nat(2),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('ana' as const),
      path: fc.nat(2),
      state: fc.constantFrom('optimized', 'non-optimized', 'inaccessible', 'change', 'persistent-loss'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('latency' as const),
      path: fc.nat(2),
      ms: fc.nat(30),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(60) }) },
);

export type PathStep = typeof pathStep extends fc.Arbitrary<infer Drawn> ? Drawn : never;

export const policies: fc.Arbitrary<SubsystemOptions> = fc.constantFrom(
  { policy: 'active-passive' },
  { policy: 'active-active' },
  { policy: 'active-active', selector: 'queue-depth' },
  { policy: 'active-active', polling: 'inline' },
  // So short a queue that operations wait for room.
  { policy: 'active-active', queueDepth: 2 },
);
