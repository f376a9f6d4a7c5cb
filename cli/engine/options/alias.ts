import { type Command, Option } from 'commander';

const originals = new WeakMap<Option, Option>();

/** The option that an alias stands for; any other option itself. */
export function originalOf(option: Option): Option {
  return originals.get(option) ?? option;
}

/**
 * Takes an option under nvme-cli's name, or an earlier one, too. Help shows only the first name, whose description is to have the other.
 * @param flags the other name, with a value as the option has one
 */
export function addAlias(command: Command, flags: string, name: string): Command {
  const of = command.options.find(({ long }) => long === `--${name}`);
  if (!of) throw new TypeError(`there is no option --${name}`);
  const alias = new Option(flags, of.description).hideHelp();
  if (of.parseArg) alias.argParser(of.parseArg);
  originals.set(alias, of);
  command.addOption(alias);
  // After Commander's own listener, which has parsed the value.
  return command.on(`option:${alias.name()}`, () => {
    const value = command.getOptionValue(alias.attributeName());
    command.setOptionValueWithSource(of.attributeName(), value, 'cli');
  });
}
