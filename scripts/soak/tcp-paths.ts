import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listenerId } from '../target/config.js';
import { ensureHugepages } from '../target/hugepages.js';
import { type SpdkTarget, type SpdkTargetOptions, startSpdkTarget } from '../target/spdk-target.js';
import type { PathFault } from './path-plan.js';
import { type PathTarget, pathNqn } from './path-target.js';
import type { WatchedProcess } from './process-watch.js';

const listeners = ['4441', '4442'].map(
  (trsvcid) => ({ trtype: 'TCP', traddr: '127.0.0.1', trsvcid }) as const,
);
const sizeMb = 16;
const memoryMb = 128;
/** A crash may be seen this much later than the call that fails because of it. */
const crashSeenMs = 500;

/** One of the targets. It is started again when it ends by itself, which nvmf_tgt v20.07 does once in half an hour of this. */
class Side {
  readonly #options: SpdkTargetOptions;
  readonly #report: (text: string) => void;
  #target!: Promise<SpdkTarget>;
  /** The target that was killed on purpose. */
  #killed: SpdkTarget | undefined;
  /** The process that runs. */
  process: WatchedProcess | undefined;

  constructor(options: SpdkTargetOptions, report: (text: string) => void) {
    this.#options = options;
    this.#report = report;
  }

  async start(): Promise<void> {
    this.#target = startSpdkTarget({ ...this.#options, wantsStack: true });
    const target = await this.#target;
    const { pid } = target;
    this.process = { name: `target ${pid} at port ${this.#options.listener.trsvcid}`, pid };
    void target.ended.then(async ({ signal, exitCode, stack = 'no stack' }) => {
      if (this.#killed === target) return;
      const { trsvcid } = this.#options.listener;
      this.#report(
        `the target at port ${trsvcid} ended by itself (${signal ?? `status ${exitCode}`}) and is started again\n${stack}`,
      );
      await this.start();
    });
  }

  async kill(): Promise<void> {
    const target = await this.#target;
    this.#killed = target;
    await target.stop('SIGKILL');
  }

  async signal(name: NodeJS.Signals): Promise<void> {
    try {
      process.kill((await this.#target).pid, name);
    } catch {
      // The process has ended.
    }
  }

  /** A target that does not carry out a call is started again, with its whole configuration. */
  async listen(call: 'add' | 'remove', nqn: string): Promise<void> {
    const target = await this.#target;
    try {
      await target.call(`nvmf_subsystem_${call}_listener`, {
        nqn,
        listen_address: { ...this.#options.listener, adrfam: 'IPv4' },
      });
    } catch (error) {
      const ended = await Promise.race([target.ended, sleep(crashSeenMs)]);
      if (ended) return;
      this.#report(
        `the target rejects to ${call} a listener, and is started again: ${(error as Error).message}`,
      );
      await this.kill();
      await this.start();
    }
  }
}

/** Two of SPDK's targets on this host, which export the same files under the same names. */
export async function tcpPaths(clients: number, report: (text: string) => void): Promise<PathTarget> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-soak-'));
  const files = Array.from({ length: clients }, (_, i) => path.join(folder, `disk${i}`));
  for (const file of files) fs.writeFileSync(file, Buffer.alloc(sizeMb << 20));
  // The hugepages of both targets and of the program.
  ensureHugepages(4 * memoryMb);
  const core = os.availableParallelism() - 1;
  const subsystems = files.map((file, i) => ({
    nqn: pathNqn(i),
    serial: `SOAKPATHS${i}`,
    disk: { kind: 'file', path: file, blockSize: 512 } as const,
  }));
  const sides = listeners.map((listener) => new Side({ listener, core, memoryMb, subsystems }, report));
  for (const side of sides) await side.start();
  let endings = 0;

  const inflict = async ({ kind, client, side: index }: PathFault): Promise<() => Promise<void>> => {
    const side = sides[index] as Side;
    switch (kind) {
      case 'target-killed':
        await side.kill();
        return () => side.start();
      case 'target-frozen': {
        const before = endings;
        await side.signal('SIGSTOP');
        return async () => {
          if (endings === before) return side.signal('SIGCONT');
          // Its late writes would replace newer data (docs/guide/multipath.md): it is fenced.
          await side.kill();
          await side.start();
        };
      }
      default: {
        const nqn = pathNqn(client);
        const at = kind === 'both-withdrawn' ? sides : [side];
        for (const one of at) await one.listen('remove', nqn);
        return async () => {
          for (const one of at) await one.listen('add', nqn);
        };
      }
    }
  };
  return {
    faults: ['path-withdrawn', 'path-withdrawn', 'both-withdrawn', 'target-killed', 'target-frozen'],
    processes: () => sides.flatMap((side) => side.process ?? []),
    endsConnections: () => {
      endings++;
    },
    ids: (client) => listeners.map((listener) => listenerId(listener, pathNqn(client))),
    inflict,
    close: async () => {
      for (const side of sides) await side.kill();
      fs.rmSync(folder, { recursive: true });
    },
  };
}
