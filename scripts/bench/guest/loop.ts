import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { AttachDetachPlan } from '../plan.js';
import { repeat, type Side } from './side.js';

/** The C loop (attach_loop.c), a process that waits for its turns. */
export async function loopSide(plan: AttachDetachPlan): Promise<{ side: Side; spdk: string }> {
  const { transportId, hostNqn, hostId, queueDepth, keepAliveMs, memoryMb } = plan;
  const args = [transportId, hostNqn, hostId, queueDepth, keepAliveMs, memoryMb].map(String);
  const child = spawn(plan.loop, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function response(): Promise<Record<string, unknown>> {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`The C loop has ended (${child.exitCode ?? child.signalCode})`);
      // While DPDK starts, it writes to stdout, too.
      if (value.startsWith('{')) return JSON.parse(value);
    }
  }

  const { spdk } = await response();
  const side: Side = {
    name: 'native',
    run(ioQueues, cycles) {
      child.stdin.write(`${ioQueues} ${cycles}\n`);
      return repeat(cycles, async () => {
        const { controllerNs, queuePairsNs, lingerNs, destroyNs, failed } = await response();
        if (failed) throw new Error('The C loop could not attach');
        const ms = (ns: unknown) => Number(ns) / 1e6;
        return {
          attachMs: ms(controllerNs) + ms(queuePairsNs),
          detachMs: ms(lingerNs) + ms(destroyNs),
          steps: {
            controllerMs: ms(controllerNs),
            queuePairsMs: ms(queuePairsNs),
            lingerMs: ms(lingerNs),
            destroyMs: ms(destroyNs),
          },
        };
      });
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
  return { side, spdk: String(spdk) };
}
