import { vi } from 'vitest';

/** As in `expect.poll` of vitest.config.ts: other programs of the machine may have its processors for a second, which is Vitest's own default. */
const timeout = 10_000;

const { waitFor, waitUntil } = vi;

/** The options of a wait, with this time limit if they have none; a number is a limit. */
function patient<Options extends object>(options: number | Options = {} as Options): number | Options {
  return typeof options === 'number' ? options : { timeout, ...options };
}

vi.waitFor = (check, options) => waitFor(check, patient(options));
vi.waitUntil = (condition, options) => waitUntil(condition, patient(options));
