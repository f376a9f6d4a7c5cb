// Exit statuses, and the errors that lead to them.

import { CommanderError } from 'commander';
import { errorCatalogue } from 'spdk-nvme';

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
function withOptionNames(text: string): string {
  return text.replace(/`(\w+)`|\b[a-z]+[A-Z]\w*\b/g, (found, name = found) => optionNames.get(name) ?? found);
}

const catalogue: Readonly<Record<string, { readonly remedy: string }>> = errorCatalogue;

/** What to do at the command line, where the catalogue names methods of the package. */
const remedies: ReadonlyMap<string, string> = new Map([
  ['ERR_SPDK_CONTROLLER_FAILED', 'Fix the link or the target, then run the verb again.'],
  [
    'ERR_SPDK_NOT_IO_CONTROLLER',
    'Name a subsystem with namespaces; the verb discover lists those of a target.',
  ],
  ['ERR_SPDK_NO_MEMORY', 'Raise --memory, or lower --depth or --io-queues.'],
]);

/** What to do about an error, in the words of the command line; undefined for a code that is not the package's. */
export function remedyFor(error: unknown): string | undefined {
  const code = ownCode(error) ?? '';
  const remedy = remedies.get(code) ?? catalogue[code]?.remedy;
  return remedy === undefined ? undefined : withOptionNames(remedy);
}

/** What an error says, in the words of the command line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const code = ownCode(error) ?? '';
  const [theirs, ours] = [catalogue[code]?.remedy, remedies.get(code)];
  return withOptionNames(
    theirs && ours && text.endsWith(theirs) ? text.slice(0, -theirs.length) + ours : text,
  );
}

/** What happened, without what to do about it, with which messages of the package end. */
export function explainBriefly(error: unknown): string {
  const [text, remedy] = [explain(error), remedyFor(error)];
  return remedy !== undefined && text.endsWith(` ${remedy}`) ? text.slice(0, -remedy.length - 1) : text;
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
