// How the help looks on terminals of any width.

import { Help } from 'commander';

/** The columns of text below which it is read better under its option than beside it. */
const minBeside = 40;
const minWrapped = 20;
const indent = 6;

/** The settings of the help: Commander alone wraps no text that has fewer columns than {@link minBeside}. */
export const helpSettings: Partial<Help> = {
  sortSubcommands: false,
  minWidthToWrap: minWrapped,
  formatItem(this: Help, term, termWidth, description, helper) {
    const width = this.helpWidth ?? 80;
    if (description === '' || width - termWidth - 4 >= minBeside)
      return Help.prototype.formatItem.call(this, term, termWidth, description, helper);
    const text = helper.boxWrap(description, Math.max(minWrapped, width - indent));
    return `  ${term}\n${text.replace(/^/gm, ' '.repeat(indent))}`;
  },
};
