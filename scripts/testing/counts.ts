// How many tests passed, failed and were skipped.

export interface Counts {
  passed: number;
  /** The name of each test that failed: `file > test`, or what else failed. */
  failures: string[];
  skipped: number;
}

export const NOTHING: Counts = { passed: 0, failures: [], skipped: 0 };

export function add(...all: Counts[]): Counts {
  const sum = (name: 'passed' | 'skipped') => all.reduce((total, counts) => total + counts[name], 0);
  return {
    passed: sum('passed'),
    failures: all.flatMap(({ failures }) => failures),
    skipped: sum('skipped'),
  };
}

/** Says where the failures are from. */
export function within(place: string, counts: Counts): Counts {
  return { ...counts, failures: counts.failures.map((name) => `${place}: ${name}`) };
}

/**
 * A runner that ends badly without naming a failed test counts as one failure: it crashed, found no test, or could not
 * be started.
 */
export function judged(counts: Counts, status: number): Counts {
  if (status === 0 || counts.failures.length > 0) return counts;
  return { ...counts, failures: [`the runner ended with status ${status} and named no failed test`] };
}

/** A part of the tests that ran none of its tests has failed once. */
export function ran(counts: Counts): Counts {
  const none = counts.passed + counts.failures.length === 0;
  return none ? { ...counts, failures: ['no test was run'] } : counts;
}

/** One line for people and machines alike. */
export function summary({ passed, failures, skipped }: Counts): string {
  return `${passed} passed, ${failures.length} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
