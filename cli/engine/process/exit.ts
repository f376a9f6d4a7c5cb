// Exit statuses, and the errors that lead to them.

import { CommanderError } from 'commander';

/** The exit statuses of every verb; docs/guide/command-line.md explains them. */
export const exitStatus = {
  /** Success. */
  ok: 0,
  /** Something failed, or a test found a problem. */
  failed: 1,
  /** Invalid arguments; nothing was done. */
  badArguments: 2,
} as const;

/** Arguments that are valid separately but not together. */
export class UsageError extends Error {}

/** A failure that is already explained to the user, or needs only this line. */
export class Failure extends Error {}

/** The code of an error; undefined if it has none. */
export function ownCode(error: unknown): string | undefined {
  const coded = error instanceof Error && 'code' in error && typeof error.code === 'string';
  return coded ? (error.code as string) : undefined;
}

/** The options of the command line, by the names of the package's options that its messages contain. */
const optionNames: ReadonlyMap<string, string> = new Map([
  ['memoryMb', '--memory'],
  ['traddr', '--traddr'],
  ['trsvcid', '--trsvcid'],
  ['subnqn', '--nqn'],
  ['hostNqn', '--hostnqn'],
  ['hostId', '--hostid'],
  ['sourceAddress', '--host-traddr'],
  ['timeoutMs', '--timeout'],
  ['ioQueues', '--io-queues'],
]);

/** A message of the package, in the words of the command line. */
export function withOptionNames(text: string): string {
  return text.replace(/`(\w+)`|\b[a-z]+[A-Z]\w*\b/g, (found, name = found) => optionNames.get(name) ?? found);
}

/** What an error says, in the words of the command line. */
export function messageOf(error: unknown): string {
  return withOptionNames(error instanceof Error ? error.message : String(error));
}

/** An error for the user: one line, without a stack unless the error is a defect. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof UsageError || error instanceof Failure) return error.message;
  const code = ownCode(error);
  if (code === undefined) return error.stack ?? error.message;
  // Errors of the operating system begin with their code already.
  const message = messageOf(error);
  return message.startsWith(code) ? message : `${code}: ${message}`;
}

/** The code that an error is counted under. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return ownCode(error) ?? error.name;
}

/** The exit status for an error. */
export function statusOfError(error: unknown): number {
  if (error instanceof UsageError) return exitStatus.badArguments;
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.ok : exitStatus.badArguments;
  return exitStatus.failed;
}
