/** What the guest is to measure. The host makes it from its arguments and passes it as JSON. */
export interface AttachDetachPlan {
  readonly transportId: string;
  readonly subsystemNqn: string;
  readonly address: string;
  readonly service: string;
  readonly hostNqn: string;
  /** The UUID in the host's NQN, so that every side introduces itself as the same host. */
  readonly hostId: string;
  readonly queueDepth: number;
  readonly keepAliveMs: number;
  readonly memoryMb: number;
  /** The numbers of I/O queues to measure with. */
  readonly ioQueues: readonly number[];
  /** Cycles of the package and of the C loop, for each number of I/O queues. */
  readonly cycles: number;
  /** The number of turns into which those cycles are divided. The sides take turns, so that both have the same load. */
  readonly rounds: number;
  /** nvme-cli's cycles, for each number of I/O queues; 0: nvme-cli is not measured. */
  readonly cliCycles: number;
  /** The C loop's program. */
  readonly loop: string;
}

/** Divides cycles into rounds as evenly as possible; some rounds may get none. */
export function turns(cycles: number, rounds: number): number[] {
  return Array.from({ length: rounds }, (_, round) => {
    const upTo = (count: number) => Math.floor((cycles * count) / rounds);
    return upTo(round + 1) - upTo(round);
  });
}

/** The number of all cycles of a plan, for the progress. */
export function totalCycles({ ioQueues, cycles, cliCycles }: AttachDetachPlan): number {
  return ioQueues.length * (2 * cycles + cliCycles);
}
