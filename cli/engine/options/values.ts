// What must hold for the value of any option.

import type { Command } from 'commander';
import { originalOf } from './alias.js';

/** What some verbs take several times; all of them look at that by themselves. */
const repeatable: ReadonlySet<string> = new Set(['nqn', 'transportId']);

/**
 * Rejects a value that is empty, and an option that is given again, by the same name or another one: of several values the last one would
 * win without a word.
 */
export function checkValues(command: Command): void {
  const events = command as Command & NodeJS.EventEmitter;
  for (const option of command.options) {
    if (!(option.required || option.optional)) continue;
    const original = originalOf(option);
    const name = original.attributeName();
    // Before Commander's own listener, which notes where the value is from.
    events.prependListener(`option:${option.name()}`, (value: string | null) => {
      // Parsers reject it in their own words.
      if (value === '' && !option.parseArg) command.error(`error: ${option.long} is empty`);
      const again = !option.variadic && !repeatable.has(name) && command.getOptionValueSource(name) === 'cli';
      if (!again) return;
      const names = command.options.filter((one) => originalOf(one) === original).map(({ long }) => long);
      command.error(`error: ${names.join(' or ')} was given twice`);
    });
  }
}
