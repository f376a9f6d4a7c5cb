// Distinguishes an operation that hangs from one whose processes did not run: on a busy machine the soak or its targets may get no
// processor time for seconds, and one of the soak's faults stops a target.

import { Worker } from 'node:worker_threads';
import { maxRunMs, maxWaitedMs, type Reading, stateOf, timesOf } from './scheduling.js';

/** A process besides this one, which spins: whenever it does not run, something keeps it from running. */
export interface WatchedProcess {
  readonly name: string;
  readonly pid: number;
}

/** What kept processes from running since an operation began. */
export interface Starvation {
  /**
   * The longest of three times: a thread of this process was ready and did not run, the whole process did not run, or
   * another process did not run.
   */
  readonly starvedMs: number;
  /** The same as a text, for people. */
  readonly text: string;
}

/** What is known of the time since then, on the clock of `performance.now()`. */
export type StarvationSince = (begunMs: number) => Starvation;

const everyMs = 500;
/** An event loop that does not turn for this long is reported with its stack. */
const stuckMs = 15_000;
const beatMs = 20;
/** How long observations are kept: longer than any operation takes. */
const keptMs = 30_000;
const self = 'this process';

/** One observation. */
interface Look {
  readonly atMs: number;
  /** The largest delays since the last observation: of the event loop, and of the thread that only sleeps. */
  readonly loopLateMs: number;
  readonly sleeperLateMs: number;
  readonly readings: ReadonlyMap<string, Reading>;
}

/** Watches this process and others, from its creation to `close()`. */
export class ProcessWatch {
  readonly #others: () => readonly WatchedProcess[];
  readonly #beat = new BigInt64Array(new SharedArrayBuffer(16));
  readonly #sleeper: Worker;
  /** When the event loop turned last. */
  readonly #turned = new BigInt64Array(new SharedArrayBuffer(8));
  readonly #stuck: Worker;
  readonly #timer: NodeJS.Timeout;
  #looks: Look[] = [];

  constructor(others: () => readonly WatchedProcess[]) {
    this.#others = others;
    this.#beat[0] = process.hrtime.bigint();
    const workerData = { shared: this.#beat.buffer, everyMs: beatMs };
    this.#sleeper = new Worker(new URL('heartbeat.mjs', import.meta.url), { workerData, execArgv: [] });
    this.#sleeper.unref();
    const stuck = { workerData: { shared: this.#turned.buffer, stuckMs }, execArgv: [] };
    this.#turned[0] = process.hrtime.bigint();
    this.#stuck = new Worker(new URL('stuck.mjs', import.meta.url), stuck);
    this.#stuck.unref();
    this.#timer = setInterval(() => this.#look(), everyMs).unref();
    this.#look();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([this.#sleeper.terminate(), this.#stuck.terminate()]);
  }

  since(begunMs: number): Starvation {
    this.#look();
    const before = this.#looks.findLastIndex(({ atMs }) => atMs <= begunMs);
    const looks = this.#looks.slice(Math.max(before, 0));
    const since = looks.slice(1);
    const sleeperMs = Math.max(0, ...since.map(({ sleeperLateMs }) => sleeperLateMs));
    const loopMs = Math.max(0, ...since.map(({ loopLateMs }) => loopLateMs));
    const names = new Set(looks.flatMap(({ readings }) => [...readings.keys()]));
    const stoodMs = [sleeperMs];
    const states = [...names].map((name) => {
      const readings = looks.flatMap((look) => look.readings.get(name) ?? []);
      const [ranMs, waitMs] = [maxRunMs(readings), maxWaitedMs(readings)];
      // A process that was killed or started in between has lost its connections, so no operation waits for it.
      const isWhole = readings.length === looks.length && readings.at(-1)?.threads.size !== 0;
      if (name === self) stoodMs.push(waitMs);
      else if (isWhole) stoodMs.push(performance.now() - (looks[0] as Look).atMs - ranMs);
      return `${name} ran for ${ranMs.toFixed(0)} ms and waited for a processor for ${waitMs.toFixed(0)} ms`;
    });
    states.push(...this.#others().map(({ name, pid }) => `the state of ${name} is ${stateOf(pid)}`));
    const late = `a thread that only sleeps was late by ${sleeperMs.toFixed(0)} ms, the event loop by ${loopMs.toFixed(0)} ms`;
    const ms = performance.now() - begunMs;
    return {
      starvedMs: Math.max(...stoodMs),
      text: `in ${ms.toFixed(0)} ms ${[...states, late].join('; ')}`,
    };
  }

  #look(): void {
    const atMs = performance.now();
    Atomics.store(this.#turned, 0, process.hrtime.bigint());
    const last = this.#looks.at(-1);
    const asleep = process.hrtime.bigint() - Atomics.load(this.#beat, 0);
    const longest = Atomics.exchange(this.#beat, 1, 0n);
    const readings = [{ name: self, pid: 'self' as const }, ...this.#others()].map(
      ({ name, pid }) => [name, { atMs, threads: timesOf(pid) }] as const,
    );
    this.#looks.push({
      atMs,
      loopLateMs: Math.max(0, atMs - (last?.atMs ?? atMs) - everyMs),
      sleeperLateMs: Math.max(0, Number(asleep > longest ? asleep : longest) / 1e6 - beatMs),
      readings: new Map(readings),
    });
    if (last && (this.#looks[0] as Look).atMs < atMs - keptMs) this.#looks.shift();
  }
}
