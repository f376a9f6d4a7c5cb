// SPDK's own target as the attach tests want it.

import os from 'node:os';
import { listenerId, type TargetListener } from '../../../scripts/target/config.js';
import { startSpdkTarget } from '../../../scripts/target/spdk-target.js';
import type { AttachTarget } from './attach.js';
import { memoryMb } from './target.js';

const nqnOf = (name: string) => `nqn.2026-11.dev.spdk-nvme:attach-${name}`;
const allowedHost = 'nqn.2026-11.dev.spdk-nvme:host-allowed';
const disk = { kind: 'null', sizeMb: 16, blockSize: 512 } as const;

/** Starts the target; on `closedPort` nothing listens. */
export async function startAttachTarget(
  listener: TargetListener,
  closedPort: string,
): Promise<Omit<AttachTarget, 'queues' | 'expectNothingHeld'>> {
  const id = (name: string, trsvcid = listener.trsvcid) => listenerId({ ...listener, trsvcid }, nqnOf(name));
  const target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    memoryMb,
    sharedBuffers: 511,
    subsystems: [
      { nqn: nqnOf('one'), serial: 'ONE', disk },
      { nqn: nqnOf('two'), serial: 'TWO', disk },
      { nqn: nqnOf('private'), serial: 'PRIVATE', disk, allowedHosts: [allowedHost] },
    ],
  });
  return {
    ids: [id('one'), id('two')],
    serials: ['ONE', 'TWO'],
    private: { id: id('private'), allowedHost },
    wrongNqn: id('nobody'),
    wrongPort: id('one', closedPort),
    stop: () => target.stop('SIGKILL'),
  };
}
