// The errors of this package, and the conversion of native failures.

import { getSystemErrorName } from 'node:util';
import { isNativeError } from 'node:util/types';
import { errorCatalogue, isSpdkErrorCode, type SpdkErrorCode } from './catalogue.js';
import { type NvmeStatus, nvmeStatus } from './nvme-status.js';

export { type CatalogueEntry, errorCatalogue, type SpdkErrorCode } from './catalogue.js';

/**
 * What the controller did with a timed-out or aborted operation (`onTimeout`), or with one that ended for lack of a path. `completed`: carried
 * it out. `aborted`: did not carry it out, or only in part, and will not do so later. `unknown`: may have carried it out, or may do so later.
 */
export type OperationOutcome = 'completed' | 'aborted' | 'unknown';

/** The properties of an {@link SpdkError} besides its code and message. */
export interface SpdkErrorDetails {
  /** The error or abort reason that led to this one. */
  cause?: unknown;
  /** The operating system's error number, of either sign. */
  errno?: number | undefined;
  /** The status of the NVMe command. */
  nvmeStatus?: NvmeStatus | undefined;
  /** The stacks of native threads. */
  nativeStack?: string | undefined;
  /** What the controller did with a timed-out or aborted operation. */
  outcome?: OperationOutcome | undefined;
}

/** A failure as the native layer reports it (`Status` in native/core/base/status.h). */
export interface NativeFailure {
  readonly code: string;
  readonly message: string;
  readonly errno?: number | undefined;
  /** Status code type and status code of the completion queue entry; both or neither. */
  readonly sct?: number | undefined;
  readonly sc?: number | undefined;
  /** Do Not Retry. */
  readonly dnr?: boolean | undefined;
}

/**
 * The error of every failure of this package except a wrong type. `code` identifies the failure and never changes its
 * meaning ({@link errorCatalogue}); the message says what happened and what to do, and may change between releases.
 */
export class SpdkError extends Error {
  static {
    defineName(SpdkError.prototype, 'SpdkError');
  }

  readonly code: SpdkErrorCode;

  /**
   * The operating system's error number, if there is one; negative as in Node.js's own errors, so that
   * `util.getSystemErrorName(error.errno)` names it.
   */
  declare readonly errno?: number;

  /** The status of the NVMe command that failed, if there is one. */
  declare readonly nvmeStatus?: NvmeStatus;

  /**
   * Of ERR_SPDK_WEDGED: the stacks of the controller's threads at the end of the time limit, innermost function first.
   * For people to read; its format may change.
   */
  declare readonly nativeStack?: string;

  /**
   * Of ERR_SPDK_TIMEOUT and ERR_SPDK_ABORTED of operations of which something was sent: if nothing is outstanding, or with `onTimeout` other
   * than `none`.
   */
  declare readonly outcome?: OperationOutcome;

  constructor(code: SpdkErrorCode, message: string, details: SpdkErrorDetails = {}) {
    // Its own properties only: a program may have added others to Object.prototype.
    const own: SpdkErrorDetails = { __proto__: null, ...details } as object;
    super(message, 'cause' in own ? { cause: own.cause } : undefined);
    this.code = code;
    if (own.errno) this.errno = -Math.abs(own.errno);
    if (own.nvmeStatus) this.nvmeStatus = own.nvmeStatus;
    if (own.outcome) this.outcome = own.outcome;
    if (own.nativeStack) this.nativeStack = own.nativeStack;
    // The name of this error in web and Node.js APIs, which callers test for.
    if (code === 'ERR_SPDK_ABORTED') defineName(this, 'AbortError');
  }

  /** For `JSON.stringify()`, which shows no message of an error by itself. */
  toJSON(): Pick<
    SpdkError,
    'name' | 'message' | 'code' | 'errno' | 'nvmeStatus' | 'nativeStack' | 'outcome'
  > {
    const { name, message } = this;
    return { ...this, name, message };
  }

  /**
   * The error for a native failure: its message, the names of the errno and the NVMe status, and the catalogue's
   * remedy. A code that the catalogue lacks is a bug of this package and becomes ERR_SPDK_INTERNAL.
   * @internal
   */
  static fromNative(failure: NativeFailure): SpdkError | SpdkTypeError {
    const { code, errno, sct, sc, dnr = false } = { __proto__: null, ...failure } as NativeFailure;
    if (!isSpdkErrorCode(code)) {
      return new SpdkError(
        'ERR_SPDK_INTERNAL',
        compose(`Native code failed with the unknown code ${code}: ${failure.message}`, 'ERR_SPDK_INTERNAL'),
        { errno },
      );
    }
    if (code === 'ERR_SPDK_INVALID_ARG_TYPE') return new SpdkTypeError(failure.message);

    const status =
      sct === undefined || sc === undefined
        ? undefined
        : // Command-specific status codes mean other things for Connect than for reads and writes.
          nvmeStatus(sct, sc, dnr, code === 'ERR_SPDK_CONNECT_REJECTED' ? 'fabrics' : 'nvm');
    const names = [...(errno ? [errnoName(errno)] : []), ...(status ? [`NVMe status ${status.name}`] : [])];
    const message = sentence(failure.message);
    const what = names.length > 0 ? `${unended(message)} (${names.join(', ')})` : message;
    return new SpdkError(code, compose(what, code), { errno, nvmeStatus: status });
  }
}

/** An argument or option of the wrong type. */
export class SpdkTypeError extends TypeError {
  static {
    defineName(SpdkTypeError.prototype, 'SpdkTypeError');
  }

  readonly code = 'ERR_SPDK_INVALID_ARG_TYPE' satisfies SpdkErrorCode;

  /** For `JSON.stringify()`, which shows no message of an error by itself. */
  toJSON(): Pick<SpdkTypeError, 'name' | 'message' | 'code'> {
    return { name: this.name, message: this.message, code: this.code };
  }
}

/**
 * The error of an operation whose AbortSignal fired: name `AbortError`, code ERR_SPDK_ABORTED, and the signal's
 * reason as `cause`.
 * @param operation the cancelled operation, as in 'Attaching nqn.2016-06.io.spdk:cnode1'
 */
export function abortError(operation: string, signal: AbortSignal): SpdkError {
  return new SpdkError('ERR_SPDK_ABORTED', `${operation} was aborted`, { cause: reasonOf(signal) });
}

/** @internal An object that only resembles a signal may throw here; the abort still counts. */
export function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch (error) {
    return error;
  }
}

/**
 * Returns an error of this package unchanged. Any other thrown value, for example of a call into native code, becomes
 * the cause of an ERR_SPDK_INTERNAL.
 */
export function codedError(what: string, thrown: unknown): SpdkError | SpdkTypeError {
  if (thrown instanceof SpdkError || thrown instanceof SpdkTypeError) return thrown;
  // Where a test runner loads this package into a context of its own, Node.js throws errors of another one.
  const isError = isNativeError(thrown) || thrown instanceof Error;
  const why = isError ? thrown.message : 'a value that is not an Error was thrown';
  return new SpdkError('ERR_SPDK_INTERNAL', compose(`${what}: ${why}`, 'ERR_SPDK_INTERNAL'), {
    cause: thrown,
  });
}

/**
 * Native messages begin in lower case, because logs and the history have them behind other text. Here they begin as this package's other
 * messages: with a capital letter, unless the first word is a name of code or a device (`memoryMb`, `mlx5_0`).
 */
function sentence(message: string): string {
  return message.replace(/^[a-z]+(?=[\s,:;]|$)/, capitalise);
}

/** @internal */
export function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A sentence on what happened, then the catalogue's on what to do. */
function compose(what: string, code: SpdkErrorCode): string {
  return `${unended(what)}. ${errorCatalogue[code].remedy}`;
}

function unended(sentence: string): string {
  return sentence.endsWith('.') ? sentence.slice(0, -1) : sentence;
}

/** The errors of the kernel's keyrings, which Node.js does not name. */
const keyringErrors: Readonly<Record<number, string>> = {
  126: 'ENOKEY',
  127: 'EKEYEXPIRED',
  128: 'EKEYREVOKED',
  129: 'EKEYREJECTED',
};

/** @internal The name of an errno, or `errno` and its number. */
export function errnoName(errno: number): string {
  const number = Math.abs(errno);
  try {
    const name = getSystemErrorName(-number);
    if (!name.startsWith('Unknown')) return name;
  } catch {
    // not a number that an errno can be: say so rather than fail while failing
  }
  return keyringErrors[number] ?? `errno ${number}`;
}

/** Names an error class or one error the way the built-in ones are: a property that does not get enumerated. */
function defineName(target: Error, name: string): void {
  Object.defineProperty(target, 'name', { value: name, writable: true, configurable: true });
}
