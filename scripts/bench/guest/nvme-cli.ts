import { execa } from 'execa';
import type { AttachDetachPlan } from '../plan.js';
import { repeat, type Side } from './side.js';

/** The kernel's initiator through nvme-cli; each call starts a process, as it does for its users. */
export function nvmeCliSide(plan: AttachDetachPlan): Side {
  const { subsystemNqn, address, service, hostNqn, hostId, queueDepth, keepAliveMs } = plan;
  const connect = (ioQueues: number): string[] => [
    ...[
      'connect',
      '--transport=rdma',
      `--traddr=${address}`,
      `--trsvcid=${service}`,
      `--nqn=${subsystemNqn}`,
    ],
    ...[`--hostnqn=${hostNqn}`, `--hostid=${hostId}`, `--nr-io-queues=${ioQueues}`],
    ...[`--queue-size=${queueDepth}`, `--keep-alive-tmo=${keepAliveMs / 1000}`],
  ];
  const timed = async (args: string[]): Promise<number> => {
    const begun = performance.now();
    await execa('nvme', args);
    return performance.now() - begun;
  };
  return {
    name: 'nvmeCli',
    run: (ioQueues, cycles) =>
      repeat(cycles, async () => {
        const attachMs = await timed(connect(ioQueues));
        const detachMs = await timed(['disconnect', `--nqn=${subsystemNqn}`]);
        return { attachMs, detachMs };
      }),
    close: async () => {},
  };
}
