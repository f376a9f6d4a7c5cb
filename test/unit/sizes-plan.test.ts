import { expect, it } from 'vitest';
import { depths, lengths, type SizesCase, sizesPlan, ways } from '../integration/suites/sizes-plan.js';
import { pollings } from '../integration/support/each-polling.js';

const choices = { way: ways, length: lengths, depth: depths, polling: pollings } as const;
const kinds = Object.keys(choices) as (keyof SizesCase)[];

/** The pairs of choices of different kinds that no case of a plan has. */
function missing(plan: readonly SizesCase[]): string[] {
  return kinds.flatMap((one, i) =>
    kinds
      .slice(i + 1)
      .flatMap((other) =>
        choices[one].flatMap((a) =>
          choices[other]
            .filter((b) => !plan.some((entry) => entry[one] === a && entry[other] === b))
            .map((b) => `${a} with ${b}`),
        ),
      ),
  );
}

it('meets every pair of choices', () => {
  expect(missing(sizesPlan())).toEqual([]);
});

it('without most of the longest transfers, as on the fabric, lacks pairs of these only', () => {
  const plan = sizesPlan(['readv and writev, in place']);
  expect(missing(plan).filter((pair) => !pair.includes('60 MiB'))).toEqual([]);
  expect(plan.filter(({ length }) => length === '60 MiB')).toMatchObject([{ depth: 2, polling: 'adaptive' }]);
});
