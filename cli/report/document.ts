// What a report shows, before it is a page.
import type { RunEvent } from '../engine/measure/events.js';
import type { Bin } from '../engine/measure/histogram.js';

export interface ReportDocument {
  readonly title: string;
  /** What was run, and where: a name and a value each. */
  readonly facts: readonly (readonly [string, string])[];
  /** What was found wrong; empty: nothing. */
  readonly findings: readonly string[];
  readonly interrupted: boolean;
  readonly tables: readonly ReportTable[];
  readonly charts: readonly Chart[];
  readonly events: readonly RunEvent[];
}

export interface ReportTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface Chart {
  readonly title: string;
  readonly x: {
    readonly label: string;
    /** `time`: seconds of the run, with the events in it; `log`: a logarithmic scale. */
    readonly kind: 'time' | 'log';
    readonly values: readonly number[];
  };
  readonly yLabel: string;
  /** `log`: a logarithmic scale. */
  readonly yKind?: 'linear' | 'log';
  /** `steps` for counts of a range, `lines` for the rest. */
  readonly shape: 'lines' | 'steps';
  readonly series: readonly Series[];
}

interface Series {
  readonly label: string;
  /** One for each value of x; null where there is none. */
  readonly values: readonly (number | null)[];
}

/** The fraction of values in each bin, by their size. */
export function distributionChart(
  title: string,
  unit: string,
  distributions: Readonly<Record<string, readonly Bin[]>>,
): Chart {
  const all = Object.entries(distributions).filter(([, bins]) => bins.length > 0);
  const ends = [...new Set(all.flatMap(([, bins]) => bins.map(({ upTo }) => upTo)))].sort((a, b) => a - b);
  return {
    title,
    x: { label: unit, kind: 'log', values: ends },
    yLabel: '% of operations',
    shape: 'steps',
    series: all.map(([label, bins]) => {
      const total = bins.reduce((sum, { count }) => sum + count, 0);
      const counts = new Map(bins.map(({ upTo, count }) => [upTo, count]));
      return { label, values: ends.map((end) => ((counts.get(end) ?? 0) / total) * 100) };
    }),
  };
}
