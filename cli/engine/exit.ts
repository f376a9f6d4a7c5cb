import { CommanderError } from 'commander';

/** The exit statuses of every verb; docs/guide/command-line.md explains them. */
export const exitStatus = {
  /** Everything that was asked for was done. */
  ok: 0,
  /** Something failed, or a test found something. */
  failed: 1,
  /** The arguments make no sense; nothing was done. */
  badArguments: 2,
} as const;

/** Arguments that are right one by one and make no sense together. */
export class UsageError extends Error {}

/** A failure that has been explained to the user already, or needs no more than this line. */
export class Failure extends Error {}

/** What the user reads of an error: one line, without a stack where the error is an answer and not a defect. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof UsageError || error instanceof Failure) return error.message;
  if (!('code' in error) || typeof error.code !== 'string') return error.stack ?? error.message;
  // Errors of the operating system begin with their code already.
  return error.message.startsWith(error.code) ? error.message : `${error.code}: ${error.message}`;
}

/** The exit status that an error stands for. */
export function statusOfError(error: unknown): number {
  if (error instanceof UsageError) return exitStatus.badArguments;
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.ok : exitStatus.badArguments;
  return exitStatus.failed;
}
