// What follows from a failed operation: another path, the same command again later, or its end.

import type { SpdkErrorCode } from '../errors/catalogue.js';
import { type CommandFailure, commandStatus, failureCode, saysNothing } from '../errors/command-status.js';
import type { SpdkError } from '../errors/spdk-error.js';

/**
 * - `final`: the caller gets the error
 * - `lost`: the path has no connection any more
 * - `ana`: the path does not reach the namespace now
 * - `rejected`: the path could not carry it out, and may be able to later
 * - `absent`: the path no longer has the namespace, which another one may have
 * - `later`: the controller asks for the same command again after a delay
 */
export type Verdict = 'final' | 'lost' | 'ana' | 'rejected' | 'absent' | 'later';

const lostCodes: ReadonlySet<SpdkErrorCode> = new Set([
  'ERR_SPDK_CONTROLLER_FAILED',
  'ERR_SPDK_CONTROLLER_DETACHED',
  'ERR_SPDK_DETACHING',
]);
/** Status code types (NVMe base specification). */
const generic = 0;
const pathRelated = 3;
/** Command Abort Requested, Command Aborted due to SQ Deletion: SPDK ends commands of a lost queue pair with either. */
const aborted: readonly number[] = [0x07, 0x08];
const invalidNamespace = 0x0b;
/** Namespace Not Ready; Transient Transport Error, with which newer SPDK ends a read whose data has a wrong digest. */
const passing: readonly number[] = [0x82, 0x22];
/** Persistent Loss, Inaccessible, Transition. */
const anaCodes: readonly number[] = [0x01, 0x02, 0x03];

/** Decides what follows from a failure. ERR_SPDK_WEDGED is final: SPDK may still use the memory of the command. */
export function verdictOn(failure: CommandFailure): Verdict {
  const code = failureCode(failure);
  if (lostCodes.has(code)) return 'lost';
  // The batches of the program have all queue pairs of the path; or its namespace has changed.
  if (code === 'ERR_SPDK_QUEUE_IN_USE' || code === 'ERR_SPDK_NAMESPACE_GONE') return 'rejected';
  const status = commandStatus(failure);
  if (code !== 'ERR_SPDK_IO_FAILED' || !status) return 'final';
  // SPDK sets do-not-retry with it, which holds for the queue pair that is gone.
  if (status.sct === generic && aborted.includes(status.sc)) return 'lost';
  // Do-not-retry, which targets set with it, speaks of this path: a namespace is detached from one controller at a time.
  if (status.sct === generic && status.sc === invalidNamespace) return 'absent';
  if (status.dnr) return 'final';
  if (status.sct === generic && passing.includes(status.sc)) return 'rejected';
  if (status.sct === pathRelated) return anaCodes.includes(status.sc) ? 'ana' : 'rejected';
  return status.crd === 0 ? 'final' : 'later';
}

/** Whether the error of an admin command says no more than that its path was lost. */
export function isOfLostPath({ code, nvmeStatus }: SpdkError): boolean {
  return lostCodes.has(code) || (nvmeStatus !== undefined && saysNothing(nvmeStatus));
}
