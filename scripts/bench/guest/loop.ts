import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Cycle } from '../messages.js';
import type { AttachDetachPlan } from '../plan.js';
import type { Side } from './side.js';

/** The C loop (attach_loop.c), a process that waits for its turns. */
export async function loopSide(plan: AttachDetachPlan): Promise<{ side: Side; spdk: string }> {
  const { transportId, hostNqn, hostId, queueDepth, keepAliveMs, memoryMb } = plan;
  const words = [transportId, hostNqn, hostId, queueDepth, keepAliveMs, memoryMb].map(String);
  // DPDK talks on stdout while it starts; it is told apart by not being JSON.
  const child = spawn(plan.loop, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function answer(): Promise<Record<string, unknown>> {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`The C loop has ended (status ${child.exitCode ?? child.signalCode})`);
      if (value.startsWith('{')) return JSON.parse(value);
    }
  }

  const { spdk } = await answer();
  const side: Side = {
    name: 'native',
    async run(ioQueues, cycles) {
      child.stdin.write(`${ioQueues} ${cycles}\n`);
      const done: Cycle[] = [];
      while (done.length < cycles) {
        const { attachNs, detachNs } = await answer();
        done.push({ attachMs: Number(attachNs) / 1e6, detachMs: Number(detachNs) / 1e6 });
      }
      return done;
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
  return { side, spdk: String(spdk) };
}
