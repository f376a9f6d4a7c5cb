// Measures inside the fabric. Its argument is the plan; it writes its results to stdout as messages (messages.ts).
import { readdirSync } from 'node:fs';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { About, Message } from '../messages.js';
import { type AttachDetachPlan, turns } from '../plan.js';
import { bindingSide } from './binding.js';
import { loopSide } from './loop.js';
import { nvmeCliSide } from './nvme-cli.js';
import type { Side } from './side.js';

/** These do not count: the first connects load code and fill caches at both ends. */
const WARM_UP_CYCLES = 3;
/** The pause between turns, in which the target and the kernel's initiator clean up after a disconnect. */
const SETTLE_MS = 300;

function send(message: Message): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function about(spdk: string): About {
  const processors = os.cpus();
  return {
    kind: 'about',
    spdk,
    device: readdirSync('/sys/class/infiniband').join(' '),
    node: process.version,
    kernel: os.release(),
    processor: processors[0]?.model ?? 'unknown',
    processors: processors.length,
  };
}

async function measure(plan: AttachDetachPlan, sides: readonly [Side, number][]): Promise<void> {
  for (const [side] of sides) await side.run(1, WARM_UP_CYCLES);
  for (const ioQueues of plan.ioQueues) {
    for (let round = 0; round < plan.rounds; round++) {
      for (const [side, cycles] of sides) {
        const count = turns(cycles, plan.rounds)[round];
        if (!count) continue;
        await sleep(SETTLE_MS);
        send({ kind: 'turn', side: side.name, ioQueues, round, ...(await side.run(ioQueues, count)) });
      }
    }
  }
}

const plan: AttachDetachPlan = JSON.parse(process.argv[2] ?? '');
const { side: loop, spdk } = await loopSide(plan);
const binding = await bindingSide(plan);
send(about(spdk));
const sides: [Side, number][] = [
  [binding, plan.cycles],
  [loop, plan.cycles],
];
if (plan.cliCycles > 0) sides.push([nvmeCliSide(plan), plan.cliCycles]);
try {
  await measure(plan, sides);
} finally {
  for (const [side] of sides) await side.close();
}
