/** What the guest is to measure; the host makes it from its arguments and hands it over as JSON. */
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
  /** Into how many turns those are divided; the sides take turns, so that both have the same load. */
  readonly rounds: number;
  /** nvme-cli's cycles, for each number of I/O queues; 0 leaves it out. */
  readonly cliCycles: number;
  /** The C loop's program. */
  readonly loop: string;
}

/** Divides cycles into rounds as evenly as whole numbers go; some may get none. */
export function turns(cycles: number, rounds: number): number[] {
  return Array.from({ length: rounds }, (_, round) => {
    const upTo = (count: number) => Math.floor((cycles * count) / rounds);
    return upTo(round + 1) - upTo(round);
  });
}

/** How many cycles a plan has in all, for the progress. */
export function totalCycles({ ioQueues, cycles, cliCycles }: AttachDetachPlan): number {
  return ioQueues.length * (2 * cycles + cliCycles);
}
