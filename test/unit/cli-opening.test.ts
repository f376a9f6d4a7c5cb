// A signal while SPDK starts, which takes long where a lot of memory has to be cleared.

import { expect, it } from 'vitest';
import { useAddon } from '../../lib/native/addon.js';
import { MemoryAddon } from '../../lib/testing/addon.js';
import { runVerb } from './memory/command-line.js';

class SlowAddon extends MemoryAddon {
  override open(): void {
    setTimeout(() => process.emit('SIGINT'), 50);
  }
}

const target = ['-t', 'tcp', '-a', '127.0.0.1', '-s', '4420', '-n', 'nqn.2026-11.dev.spdk-nvme:slow'];

it.each(['list-ns', 'discover', 'perf', 'stress'])('%s ends', { timeout: 10_000 }, async (verb) => {
  const before = useAddon(new SlowAddon());
  try {
    const words = verb === 'discover' ? target.slice(0, 6) : target;
    const begun = performance.now();
    expect(await runVerb([verb, ...words])).toMatchObject({ status: 130 });
    expect(performance.now() - begun).toBeLessThan(5_000);
  } finally {
    useAddon(before);
  }
});
