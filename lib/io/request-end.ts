// Ending a timed-out or aborted operation at the controller.

import { mayBeOutstanding } from '../errors/command-status.js';
import { type OperationOutcome, SpdkError } from '../errors/spdk-error.js';
import { eventLoop, setLimit } from '../internal/event-loop.js';
import type { NativeAbortOutcome } from '../native/contract.js';

/** Earlier attempts over other paths. `lost`: one ended with its connection, and the target may still carry it out. */
export type Attempted = 'nothing' | 'ended' | 'lost';

/** What of an operation says whether its target may still carry it out: an `IoRequest`. */
interface SentSoFar {
  /** Bytes that have been sent in this attempt. */
  readonly sent: number;
  readonly failover: { readonly attempted: Attempted } | undefined;
}

/** How long an operation waits for the end of its commands, after its own limit. */
const maxWaitMs = 1_000;

/**
 * A timed-out or aborted operation that waits for the end of its commands at the controller. Settles once: when all of its commands and all
 * requests to abort them have ended, or when that takes too long.
 */
export class RequestEnd {
  readonly #error: SpdkError;
  readonly #settle: (error: SpdkError) => void;
  readonly #timer: NodeJS.Timeout;
  /** Requests to abort, and the operation itself. */
  #left = 1;
  /** Whether the controller has aborted every command for which it got a request. */
  #aborted = false;
  #asked = false;
  #status = 0;
  #whole = false;
  #ended = false;
  /** Whether an earlier attempt was lost with its connection, whatever becomes of this one. */
  readonly #lost: boolean;

  /**
   * @param request the operation
   * @param error that it has timed out or was aborted
   * @param settle is called with the error that has its outcome
   */
  constructor({ failover }: SentSoFar, error: SpdkError, settle: (error: SpdkError) => void) {
    this.#lost = failover?.attempted === 'lost';
    this.#error = error;
    this.#settle = settle;
    this.#timer = setLimit(() => this.#end('unknown'), maxWaitMs);
  }

  /** Records that the controller is asked to abort one of the operation's commands. */
  aborting(): void {
    this.#left++;
    if (!this.#asked) this.#aborted = true;
    this.#asked = true;
  }

  /** Records the outcome of one abort. */
  abortEnded(outcome: NativeAbortOutcome): void {
    if (outcome !== 'aborted') this.#aborted = false;
    this.#leave();
  }

  /**
   * Records that all commands of the operation have ended.
   * @param status of the first that failed; 0 for none
   * @param whole whether no part of it was left out
   */
  commandsEnded(status: number, whole: boolean): void {
    this.#status = status;
    this.#whole = whole;
    this.#leave();
  }

  /** The queue pair is gone; what the target does is not known. */
  lost(): void {
    this.#end('unknown');
  }

  #leave(): void {
    this.#left--;
    if (this.#left > 0) return;
    if (this.#status === 0) this.#end(this.#whole ? 'completed' : 'aborted');
    else if (mayBeOutstanding(this.#status)) this.#end(this.#aborted ? 'aborted' : 'unknown');
    else this.#end('aborted');
  }

  #end(outcome: OperationOutcome): void {
    // What took too long may end later.
    if (this.#ended) return;
    this.#ended = true;
    eventLoop.clearTimeout(this.#timer);
    const isLost = outcome === 'aborted' && this.#lost;
    const sentence = isLost ? lostAttempt : sentences[outcome];
    const message = `${beginning(this.#error.message)} ${sentence}`;
    this.#settle(withOutcome(this.#error, isLost ? 'unknown' : outcome, message));
  }
}

/**
 * The error of an operation that has no command outstanding. It has an outcome if a target may still carry the operation out; if it has timed
 * out or was aborted, also if anything of it was sent.
 */
export function withoutCommands({ sent, failover }: SentSoFar, error: SpdkError): SpdkError {
  const attempted = failover?.attempted ?? 'nothing';
  if (attempted === 'lost')
    return withOutcome(error, 'unknown', `${beginning(error.message)} ${lostAttempt}`);
  if (error.code !== 'ERR_SPDK_TIMEOUT' && error.code !== 'ERR_SPDK_ABORTED') return error;
  return sent > 0 || attempted === 'ended' ? withOutcome(error, 'aborted', error.message) : error;
}

function withOutcome({ code, cause }: SpdkError, outcome: OperationOutcome, message: string): SpdkError {
  return new SpdkError(code, message, cause === undefined ? { outcome } : { outcome, cause });
}

/** What the message of a timeout says of an operation that has no command outstanding. */
export function waitingHint({ failover }: SentSoFar, awaited: string): string {
  if (failover?.attempted === 'lost') return lostAttempt;
  return `It was waiting for ${awaited}, and none of its commands is outstanding`;
}

const lostAttempt =
  'A path was lost or detached while it had the operation, which its target may still carry out';

const sentences: Readonly<Record<OperationOutcome, string>> = {
  completed: 'The controller has carried it out meanwhile',
  aborted: 'The controller does not carry it out any more',
  unknown: 'The controller may still carry it out; its memory is kept until then',
};

/** Returns the first sentence: the others apply only without an end at the controller. */
function beginning(message: string): string {
  const end = message.indexOf('. ');
  return end < 0 ? `${message}.` : message.slice(0, end + 1);
}
