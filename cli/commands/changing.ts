// What the verbs that change a device have in common, and those that show the logs of it.

import { type Command, Option } from 'commander';
import type { Management } from 'spdk-nvme';
import { everyNamespace } from '../engine/options/namespace-option.js';
import { integer } from '../engine/options/numbers.js';
import { addTargetOptions } from '../engine/options/target-options.js';
import { UsageError } from '../engine/process/exit.js';
import {
  addSessionOptions,
  type Session,
  type SessionOptions,
  withController,
} from '../engine/target/session.js';
import { checkOutput } from '../engine/terminal/output.js';
import { listing } from '../engine/terminal/show.js';
import { type Given as LogGiven, logCommand, show } from './logs.js';

export interface Given extends SessionOptions {
  readonly force: boolean;
  readonly namespaceId: number;
}

export function changing(program: Command, name: string, description: string): Command {
  const command = program.command(name).description(description);
  addSessionOptions(addTargetOptions(command, { long: true }));
  return command.option('--force', 'required: confirms the change, which cannot be undone', false);
}

type LogPage = { readonly page: Buffer; readonly decode: (page: Buffer) => Record<string, unknown> };

export function logVerb(
  program: Command,
  name: string,
  description: string,
  read: (session: Session) => Promise<LogPage>,
): void {
  logCommand(program, name, description).action(async (given: LogGiven) => {
    checkOutput(given);
    process.exitCode = await withController(given, {}, async (session) => {
      const { page, decode } = await read(session);
      show(given, page, () => ({ fields: decode(page), text: listing }));
      return 0;
    });
  });
}

/** `--timeout`, if it is given: otherwise the package knows how long such commands take. */
type Limits = Pick<Session['limits'], 'signal'> & { readonly timeoutMs?: number };

/** @param check what is wrong with the options, before anything is opened */
export function act<Options extends object>(
  work: (to: Management, limits: Limits, given: Given & Options) => Promise<string>,
  check: (given: Given & Options) => unknown = () => {},
) {
  return async (given: Given & Options, command: Command): Promise<void> => {
    if (!given.force)
      throw new UsageError(`${command.name()} changes the device permanently: confirm it with --force`);
    check(given);
    const byDefault = command.getOptionValueSource('timeout') === 'default';
    process.exitCode = await withController(given, {}, async ({ controller, signal, limits: all }) => {
      const limits = byDefault ? { signal } : all;
      process.stdout.write(`${await work(controller.management, limits, given)}\n`);
      return 0;
    });
  };
}

export function namespaceId(description: string, { min = 1, max = everyNamespace } = {}): Option {
  return new Option('-N, --namespace-id <NSID>', description)
    .argParser(integer(min, max))
    .makeOptionMandatory();
}
