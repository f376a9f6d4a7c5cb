// Log pages: the arguments, and reading in pieces.

import { SpdkError } from '../errors/spdk-error.js';
import { type AdminLimits, type AdminOptions, limitsOf, maxAdminBytes } from './admin-command.js';
import { checkBoolean, checkInteger, checkMultiple, readOptions } from './arguments.js';
import { or } from './common.js';

/** Which part of a log page is read, and how. */
export interface LogPageOptions extends AdminOptions {
  /** The start in the page in bytes; a multiple of 4. Default 0. */
  readonly offset?: number | undefined;
  /** Keeps the asynchronous event that reading the page would clear. Default false. */
  readonly retain?: boolean | undefined;
  /** The log specific parameter (LSP), 0 to 127. Default 0. A page that is read in pieces has it in each. */
  readonly lsp?: number | undefined;
  /** The log specific identifier (LSI), 0 to 65535. Default 0. */
  readonly lsi?: number | undefined;
}

/** What to read of a log page. */
export interface LogPageRequest {
  readonly page: number;
  readonly nsid: number;
  readonly length: number;
  readonly offset: number;
  readonly retain: boolean;
  readonly lsp?: number;
  readonly lsi?: number;
}

/** What Get Log Page needs of the controller. */
export interface LogPageReader {
  /** The maximum transfer of one admin command of this controller in bytes. */
  readonly maxBytes: number;
  /** Whether the controller supports offsets and lengths of more than 16 bits (LPA of Identify Controller, bit 2). */
  readonly supportsOffsets: () => Promise<boolean>;
  readonly read: (request: LogPageRequest) => Promise<Buffer>;
}

/** The maximum length of a page. */
const maxLogPageBytes = 268_435_456;
/** The maximum of the 16 bits of NUMDL, which controllers without extended data are limited to. */
const maxShortBytes = 262_144;
/** The maximum of attempts to read a page that changes meanwhile. */
const maxAttempts = 10;
/** Pages that start with an eight-byte count of their changes: ANA and discovery. */
const countedPages: readonly number[] = [0x0c, 0x70];
const countBytes = 8;

/** @throws {SpdkTypeError} @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE or ERR_SPDK_UNKNOWN_OPTION */
export function checkLogPage(
  page: unknown,
  length: unknown,
  nsid: unknown,
  options: unknown,
): { request: LogPageRequest; limits: AdminLimits } {
  const keys = ['timeoutMs', 'signal', 'offset', 'retain', 'lsp', 'lsi'] as const;
  const given = readOptions(options, 'log page options', keys);
  const request = {
    page: checkInteger(page, 'page', 0, 0xff),
    nsid: checkInteger(nsid, 'nsid', 0, 0xffff_ffff),
    length: checkMultiple(length, 'length', 4, 4, maxLogPageBytes),
    offset: checkMultiple(or(given.get('offset'), 0), 'offset', 4, 0, Number.MAX_SAFE_INTEGER),
    retain: checkBoolean(or(given.get('retain'), false), 'retain'),
    lsp: checkInteger(or(given.get('lsp'), 0), 'lsp', 0, 0x7f),
    lsi: checkInteger(or(given.get('lsi'), 0), 'lsi', 0, 0xffff),
  };
  return { request, limits: limitsOf(given) };
}

/**
 * Reads a log page in as many pieces as needed. Its event is kept until the last piece. A page with a count of its changes
 * is read again if it changed meanwhile.
 * @throws {SpdkError} ERR_SPDK_LOG_PAGE_CHANGED; ERR_SPDK_UNSUPPORTED for several pieces or an offset, if the controller
 *   does not support offsets
 */
export async function readLogPage(reader: LogPageReader, request: LogPageRequest): Promise<Buffer> {
  const { page, length, offset } = request;
  const max = Math.max(4, Math.min(reader.maxBytes - (reader.maxBytes % 4), maxAdminBytes));
  if (offset === 0 && length <= Math.min(max, maxShortBytes)) return reader.read(request);
  if (!(await reader.supportsOffsets())) {
    throw new SpdkError(
      'ERR_SPDK_UNSUPPORTED',
      `The controller does not support offsets into log pages: read at most ${Math.min(max, maxShortBytes)} bytes from offset 0`,
    );
  }
  if (length <= max) return reader.read(request);
  if (!countedPages.includes(page)) return readPieces(reader, request, max);
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const count = { ...request, offset: 0, length: countBytes };
    const before = await reader.read({ ...count, retain: true });
    const data = await readPieces(reader, { ...request, retain: true }, max);
    if (before.equals(await reader.read(count))) return data;
  }
  throw new SpdkError(
    'ERR_SPDK_LOG_PAGE_CHANGED',
    `Log page ${page} changed during each of ${maxAttempts} attempts to read it`,
  );
}

async function readPieces(reader: LogPageReader, request: LogPageRequest, max: number): Promise<Buffer> {
  const data = Buffer.alloc(request.length);
  for (let done = 0; done < request.length; done += max) {
    const length = Math.min(max, request.length - done);
    const retain = request.retain || done + length < request.length;
    data.set(await reader.read({ ...request, offset: request.offset + done, length, retain }), done);
  }
  return data;
}

/** CDW10 to CDW13 of Get Log Page. */
export function logPageDwords({ page, length, offset, retain, lsp = 0, lsi = 0 }: LogPageRequest): number[] {
  const dwords = length / 4 - 1;
  const low = page | (lsp << 8) | (retain ? 1 << 15 : 0) | ((dwords & 0xffff) << 16);
  const high = (dwords >>> 16) | (lsi << 16);
  return [low >>> 0, high >>> 0, offset % 2 ** 32, Math.floor(offset / 2 ** 32)];
}
