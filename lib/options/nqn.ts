// NVMe Qualified Names.

import { SpdkError } from '../errors/spdk-error.js';
import { checkString, describe } from './arguments.js';

/** The maximum of bytes of an NQN without its terminator (Base specification, "NVMe Qualified Names"; SPDK_NVMF_NQN_MAX_LEN). */
export const nqnMaxBytes = 223;

/** The well-known name of every discovery subsystem. */
export const discoveryNqn = 'nqn.2014-08.org.nvmexpress.discovery';

/** The start of a UUID-based NQN. */
const uuidPrefix = 'nqn.2014-08.org.nvmexpress:uuid:';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Checks an NVMe Qualified Name and returns it unchanged: targets compare NQNs byte by byte.
 *
 * Strict where a mistake would otherwise cause a truncated name or a rejected connection: the length in bytes of UTF-8,
 * well-formed text, the `nqn.yyyy-mm.` of the specification, a complete UUID in a UUID-based name. White space and control
 * characters are rejected although the specification allows them in the last part: SPDK's transport id string cannot
 * contain them, and a log line should not.
 *
 * Lenient where targets in the field are: the date's month, the labels of the domain (SPDK's target checks them,
 * Linux's does not) and the colon after it (names without one exist, the discovery subsystem's among them).
 *
 * @param name the name of the value in messages, as in 'subnqn'
 * @throws {SpdkTypeError} not a string
 * @throws {SpdkError} ERR_SPDK_INVALID_NQN
 */
export function checkNqn(value: unknown, name: string): string {
  const nqn = checkString(value, name);
  const problem = problemOf(nqn);
  if (problem) throw new SpdkError('ERR_SPDK_INVALID_NQN', `${name} ${problem}; got ${describe(nqn)}`);
  return nqn;
}

/** The UUID in a UUID-based NQN, in lower case; undefined for any other NQN. */
export function uuidOfNqn(nqn: string): string | undefined {
  return nqn.startsWith(uuidPrefix) ? nqn.slice(uuidPrefix.length).toLowerCase() : undefined;
}

/** The UUID-based NQN of a UUID. */
export function uuidNqn(uuid: string): string {
  return `${uuidPrefix}${uuid}`;
}

/** Whether a text is a UUID in its usual form, 8-4-4-4-12 hexadecimal digits. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

function problemOf(nqn: string): string | undefined {
  // A string of more UTF-16 units than the limit has more bytes too; this keeps the rest cheap for huge input.
  if (nqn.length > nqnMaxBytes || Buffer.byteLength(nqn) > nqnMaxBytes) {
    return `must be at most ${nqnMaxBytes} bytes of UTF-8`;
  }
  if (/\p{Surrogate}/u.test(nqn)) return 'must be well-formed Unicode (it has a lone surrogate)';
  if (/[\p{Cc} ]/u.test(nqn)) return 'must not contain white space or control characters';
  if (!/^nqn\.\d{4}-\d{2}\../.test(nqn)) return 'must look like nqn.yyyy-mm.reverse.domain:name';
  if (nqn.startsWith(uuidPrefix) && !isUuid(nqn.slice(uuidPrefix.length))) {
    return `must have a UUID of the form 8-4-4-4-12 after ${uuidPrefix}`;
  }
  return undefined;
}
