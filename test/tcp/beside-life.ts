// Random steps of the life of controllers, several at a time, for a target in memory and SPDK's own.

import { open } from '../../lib/file/index.js';
import { type AttachOptions, type Controller, Environment } from '../../lib/index.js';
import { Random } from '../../scripts/testing/random.js';
import { limits } from '../integration/support/limits.js';
import { eventually } from '../integration/support/timing.js';
import { controllerEvents } from '../support/controller-events.js';
import { outcome, type Step, shown, streamWords } from './beside-words.js';

/**
 * What is done in the same turn of the event loop. Not both `reset` and `detach`, nor `reset` and admin or raw commands: which of
 * them comes first depends on threads.
 */
const modes = ['plain', 'reset', 'detach', 'close'] as const;
type Mode = (typeof modes)[number];

/** An environment, its controllers and what they did. */
class Life {
  readonly #env: Environment;
  readonly #id: string;
  readonly #controllers: Controller[] = [];
  readonly #heard: string[][] = [];

  constructor(env: Environment, id: string) {
    this.#env = env;
    this.#id = id;
  }

  async attach(options: AttachOptions, id = this.#id): Promise<string> {
    const controller = await this.#env.attach(id, options);
    const heard: string[] = [];
    this.#controllers.push(controller);
    this.#heard.push(heard);
    // Objects, and times, differ.
    const counted: readonly string[] = ['namespaces', 'detached'];
    for (const event of controllerEvents)
      controller.on(event as 'state', (...args: unknown[]) =>
        heard.push(`${event} ${counted.includes(event) ? args.length : args.map(shown).join(' ')}`),
      );
    return `${controller.queuePairs.length} queue pairs, ${controller.namespaces.length} namespaces`;
  }

  /** The state, the events and the history of each controller. */
  summary(): string[] {
    return this.#controllers.map(({ state, history }, i) => {
      const kept = history.filter(({ kind }) => kind !== 'log' && kind !== 'note');
      const lines = kept.map(({ kind, text, code = '' }) => `${kind} ${text} ${code}`);
      return `controller ${i + 1} is ${state}, heard ${this.#heard[i]}, and has been ${lines}`;
    });
  }

  close(): Promise<void> {
    return this.#env.close();
  }

  /** What has settled for its caller may still have commands. */
  async rest(): Promise<void> {
    await eventually(limits.response, () => this.#controllers.every((one) => one.stats().pending === 0));
  }

  /** A step that may be done in any state. */
  draw(random: Random): Step {
    const controller = this.#controllers.at(-1) as Controller;
    const ns = () => {
      const [first] = controller.namespaces;
      if (!first) throw new Error('no namespace');
      return first;
    };
    const offset = random.below(1024) * 512;
    const signal = (): { signal?: AbortSignal } => {
      const aborting = new AbortController();
      if (fires) queueMicrotask(() => aborting.abort());
      return { signal: aborting.signal };
    };
    const fires = random.below(4) === 0;
    return random.pick<Step>([
      [`read ${fires}`, async () => (await ns().read(Buffer.alloc(512), { offset, ...signal() })).length],
      [`write ${fires}`, () => ns().write(Buffer.alloc(200_192), { offset, ...signal() })],
      ['flush', () => ns().flush()],
      ['zeroes', () => ns().writeZeroes({ offset, length: 4096 })],
      ['misaligned', () => ns().read(Buffer.alloc(512), { offset: 1 })],
      ['file', async () => (await (await open(ns())).readFile()).length],
      [
        'read stream',
        async () => {
          const stream = ns().createReadStream({ chunkBytes: 131_072 });
          stream.resume();
          return streamWords(stream, ['end', 'error', 'close']);
        },
      ],
      [
        'write stream',
        async () => {
          const stream = ns().createWriteStream({ chunkBytes: 65_536 });
          const words = streamWords(stream, ['finish', 'error', 'close']);
          stream.end(Buffer.alloc(500_000));
          return words;
        },
      ],
      [
        'batch',
        async () => {
          const batch = (controller.queuePairs[0] as Controller['queuePairs'][0]).openBatch();
          const results: string[] = [];
          try {
            for (let tag = 0; tag < 5; tag++) batch.flush(ns(), tag);
            for await (const { tag, error } of batch) results.push(`${tag} ${shown(error)}`);
          } finally {
            batch.close({ discard: true });
          }
          return results.sort();
        },
      ],
      ['bad options', () => controller.detach({ drainMs: 6000 })],
      ['more bad options', () => controller.reset({ timeoutMs: 0 })],
      ['allocate', () => this.#env.allocate(4096).length],
    ]);
  }

  /** A step for one of the modes. */
  drawFor(mode: Mode, random: Random): Step {
    const controller = this.#controllers.at(-1) as Controller;
    const ns = controller.namespaces[0];
    const ioQueues = random.pick([1, 1, 2]);
    const polling = random.pick(['adaptive', 'inline', 'threads'] as const);
    const ctrlrLossTimeoutMs = random.pick([0, 3000]);
    const attaches: Step[] = [
      [`attach ${ioQueues} ${polling}`, () => this.attach({ ioQueues, polling, ctrlrLossTimeoutMs })],
      ['attach', () => this.attach({})],
      ['attach of no subsystem', () => this.attach({}, this.#id.replace(/beside$/, 'nothing'))],
      ['attach of no address', () => this.attach({}, this.#id.replace(/trsvcid:\d+/, 'trsvcid:9'))],
      ['attach aborted before', () => this.attach({ signal: AbortSignal.abort() })],
    ];
    const sent: Step[] = [
      ['raw flush', () => ns?.raw({ opcode: 0 })],
      ['identify', async () => (await controller.admin.identify()).length],
      ['reservations', async () => (await ns?.reservations.report())?.registrants.length],
    ];
    const steps: Record<Mode, Step[]> = {
      plain: [...attaches, ...sent],
      reset: [['reset', async () => (await controller.reset()).attempts]],
      detach: [['detach', async () => Object.keys(await controller.detach())], ...sent],
      close: [['close', () => this.close()], ...attaches, ...sent],
    };
    return random.pick(steps[mode]);
  }
}

/** Those whose outcomes do not depend on which of them ends first. */
function together(drawn: readonly Step[]): Step[] {
  const alone = ['batch', 'attach', 'reset', 'detach', 'close'];
  const batch = drawn.some(([words]) => words === 'batch');
  return drawn.filter(([words], i) => {
    // A second one may find that the first has ended.
    const once = words === 'batch' || words.startsWith('attach of');
    if (once && drawn.findIndex(([other]) => other === words) !== i) return false;
    // Another operation may find that the queue pair is free again.
    return !batch || alone.includes(words);
  });
}

/** Groups of steps, each begun in one turn of the event loop, and what they did. */
export async function runLife(seed: number, id: string): Promise<string[]> {
  const random = new Random(seed);
  await using env = await Environment.init({ memoryMb: 128 });
  const life = new Life(env, id);
  await life.attach({ ctrlrLossTimeoutMs: random.pick([0, 4000]) });
  const lines: string[] = [];
  for (let group = 0; group < 4; group++) {
    const mode = random.pick(modes.slice(0, group < 3 ? 3 : 4));
    lines.push(mode);
    const first: Step[] = mode === 'close' ? [['close', () => life.close()]] : [];
    const drawn = Array.from({ length: 1 + random.below(4) }, () =>
      random.below(2) === 0 ? life.draw(random) : life.drawFor(mode, random),
    );
    const done = [...first, ...together(drawn)].map(
      async ([words, run]) => `${words}: ${await outcome(run)}`,
    );
    lines.push(...(await Promise.all(done)));
    await life.rest();
    lines.push(...life.summary());
  }
  await env.close();
  return [...lines, ...life.summary()];
}
