import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { listenerId } from '../target/config.js';
import { ensureHugepages } from '../target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../target/spdk-target.js';
import type { PathFault } from './path-plan.js';
import { type PathTarget, pathNqn } from './path-target.js';

const listeners = ['4441', '4442'].map(
  (trsvcid) => ({ trtype: 'TCP', traddr: '127.0.0.1', trsvcid }) as const,
);
type Listener = (typeof listeners)[number];
const sizeMb = 16;
const memoryMb = 128;

/** Two of SPDK's targets on this host, which export the same files under the same names. */
export async function tcpPaths(clients: number): Promise<PathTarget> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-soak-'));
  const files = Array.from({ length: clients }, (_, i) => path.join(folder, `disk${i}`));
  for (const file of files) fs.writeFileSync(file, Buffer.alloc(sizeMb << 20));
  // Of both targets and of the program.
  ensureHugepages(4 * memoryMb);
  const start = (listener: Listener) =>
    startSpdkTarget({
      listener,
      core: os.availableParallelism() - 1,
      memoryMb,
      subsystems: files.map((file, i) => ({
        nqn: pathNqn(i),
        serial: `SOAKPATHS${i}`,
        disk: { kind: 'file', path: file, blockSize: 512 },
      })),
    });
  const targets: SpdkTarget[] = [];
  for (const listener of listeners) targets.push(await start(listener));

  const restart = async (side: number) => {
    await targets[side]?.stop('SIGKILL');
    targets[side] = await start(listeners[side] as Listener);
  };
  const listen = async (call: 'add' | 'remove', { client }: PathFault, side: number) => {
    try {
      await targets[side]?.call(`nvmf_subsystem_${call}_listener`, {
        nqn: pathNqn(client),
        listen_address: { ...listeners[side], adrfam: 'IPv4' },
      });
    } catch {
      // nvmf_tgt v20.07 was seen to crash once in half an hour of this.
      await restart(side);
    }
  };
  const inflict = async (fault: PathFault): Promise<() => Promise<void>> => {
    const { kind, side } = fault;
    const target = targets[side] as SpdkTarget;
    switch (kind) {
      case 'target-killed':
        await target.stop('SIGKILL');
        return () => restart(side);
      case 'target-frozen':
        process.kill(target.pid, 'SIGSTOP');
        return async () => void process.kill(target.pid, 'SIGCONT');
      default: {
        const at = kind === 'both-withdrawn' ? [0, 1] : [side];
        for (const one of at) await listen('remove', fault, one);
        return async () => {
          for (const one of at) await listen('add', fault, one);
        };
      }
    }
  };
  return {
    faults: ['path-withdrawn', 'path-withdrawn', 'both-withdrawn', 'target-killed', 'target-frozen'],
    ids: (client) => listeners.map((listener) => listenerId(listener, pathNqn(client))),
    inflict,
    close: async () => {
      for (const target of targets) await target.stop('SIGKILL');
      fs.rmSync(folder, { recursive: true });
    },
  };
}
