/**
 * How many random cases a test tries: so many, or the part of them that the environment names. They find faults of this package, which are
 * the same on every Node.js: one release tries all of them.
 */
export const randomRuns = (all: number): number => Math.ceil(all * Number(process.env.PART_OF_RUNS ?? 1));
