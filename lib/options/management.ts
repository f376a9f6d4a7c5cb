// The options of commands that change a device: format, namespaces, firmware, sanitize, self-test.

import { SpdkTypeError } from '../errors/spdk-error.js';
import { type AdminLimits, type AdminOptions, limitsOf } from './admin-command.js';
import { checkBoolean, checkInteger, checkMultiple, checkOneOf, listIn, readOptions } from './arguments.js';
import { conflict, invalid, or } from './common.js';
import { everyNamespace } from './namespace-id.js';

/** How the blocks of a namespace are made. */
export interface BlockFormatOptions {
  /** The index of an LBA format in Identify Namespace, 0 to 63. Default: `format` keeps it, `createNamespace` takes 0. */
  readonly lbaFormat?: number | undefined;
  /**
   * Where the metadata of such blocks goes. Default: `interleaved`, which fabrics need; `format` keeps it if it keeps the LBA format.
   */
  readonly metadata?: 'interleaved' | 'separate' | undefined;
  /** The type of protection information, 1 to 3. Default 0: none. */
  readonly protectionType?: number | undefined;
  /** Whether it is in the first or in the last bytes of the metadata. Default `last`. */
  readonly protectionPlace?: 'first' | 'last' | undefined;
}

/** Options of `format`. */
export interface FormatOptions extends BlockFormatOptions, AdminOptions {
  /** Whether the user data is erased, or made unreadable by the loss of its key. Default `none`: neither is required. */
  readonly secureErase?: 'none' | 'user-data' | 'cryptographic' | undefined;
}

/** Options of `createNamespace`. */
export interface CreateNamespaceOptions extends BlockFormatOptions, AdminOptions {
  /** Its size in blocks. */
  readonly blocks: number;
  /** Blocks that can be in use at a time. Default: all. */
  readonly capacityBlocks?: number | undefined;
  /** Whether several controllers may be attached to it at a time. Default false. */
  readonly shared?: boolean | undefined;
}

/** Options of `attachNamespace` and `detachNamespace`. */
export interface NamespaceAttachmentOptions extends AdminOptions {
  /** The ids of controllers of the subsystem. Default: this one. */
  readonly controllers?: readonly number[] | undefined;
}

/** Options of `downloadFirmware`. */
export interface FirmwareDownloadOptions extends AdminOptions {
  /** Where in the image the data begins, in bytes; a multiple of 4. Default 0. */
  readonly offset?: number | undefined;
}

const firmwareActions = { store: 0, 'store-and-activate': 1, activate: 2, 'activate-now': 3 } as const;

/** Options of `commitFirmware`. */
export interface FirmwareCommitOptions extends AdminOptions {
  /**
   * `store`: the downloaded image replaces that of the slot. `store-and-activate`: the same, and the next reset activates it. `activate`:
   * the next reset activates the image that the slot has. `activate-now`: that image is activated immediately.
   */
  readonly action: keyof typeof firmwareActions;
  /** 1 to 7. Default 0: the controller chooses. */
  readonly slot?: number | undefined;
}

/** What a sanitize operation does: `exit-failure` leaves the failure mode instead. */
export type SanitizeAction = 'exit-failure' | 'block-erase' | 'overwrite' | 'crypto-erase';

/** Sanitize Action, CDW10. */
const sanitizeActions: Readonly<Record<SanitizeAction, number>> = {
  'exit-failure': 1,
  'block-erase': 2,
  overwrite: 3,
  'crypto-erase': 4,
};

/** Options of `sanitize`. */
export interface SanitizeOptions extends AdminOptions {
  readonly action: SanitizeAction;
  /** The controller may accept commands again after a failure. Default false. */
  readonly allowUnrestrictedExit?: boolean | undefined;
  /** Blocks are not deallocated when it has ended. Default false. */
  readonly noDeallocate?: boolean | undefined;
  /** Of an overwrite: 1 to 16 passes. Default 1. */
  readonly passes?: number | undefined;
  /** Of an overwrite: 32 bits. Default 0. */
  readonly pattern?: number | undefined;
  /** Of an overwrite: every other pass has the pattern inverted. Default false. */
  readonly invertPattern?: boolean | undefined;
}

/** Options of `selfTest`. */
export interface SelfTestOptions extends AdminOptions {
  /** A namespace, 0 for the controller alone, or 0xffffffff for all namespaces, the default. */
  readonly nsid?: number | undefined;
}

/** The default time limit of what a device does for long. */
const longMs = 600_000;
/** The offset of a download is a number of dwords in 32 bits. */
const maxFirmwareOffset = 4 * (2 ** 32 - 1);
/** What a controller list has room for. */
const maxControllers = 2_047;
const limitKeys = ['timeoutMs', 'signal'] as const;
const blockKeys = ['lbaFormat', 'metadata', 'protectionType', 'protectionPlace'] as const;

type Given = ReadonlyMap<string, unknown>;

function longLimits(given: Given): AdminLimits {
  const timeoutMs = or(given.get('timeoutMs'), longMs);
  return limitsOf(new Map([...given, ['timeoutMs', timeoutMs]]));
}

function readBlockFormat(given: Given) {
  const choose = <Choice extends string>(name: string, choices: readonly Choice[], fallback: Choice) =>
    checkOneOf(or(given.get(name), fallback), name, choices);
  return {
    lbaFormat: checkInteger(or(given.get('lbaFormat'), 0), 'lbaFormat', 0, 63),
    interleaved: choose('metadata', ['interleaved', 'separate'], 'interleaved') === 'interleaved',
    protectionType: checkInteger(or(given.get('protectionType'), 0), 'protectionType', 0, 3),
    first: choose('protectionPlace', ['first', 'last'], 'last') === 'first',
  };
}

/** Reads FLBAS of Identify Namespace, in which the bits of the LBA format are in two places. */
function formatOf(flbas: number): { lbaFormat: number; interleaved: boolean } {
  return { lbaFormat: (flbas & 15) | (((flbas >> 5) & 3) << 4), interleaved: (flbas & 16) !== 0 };
}

/** @returns a function from FLBAS to CDW10 of Format NVM, and whether it needs FLBAS */
export function checkFormat(nsid: unknown, options: unknown) {
  const given = readOptions(options, 'format options', ['secureErase', ...blockKeys, ...limitKeys]);
  const chosen = readBlockFormat(given);
  const erase = { none: 0, 'user-data': 1, cryptographic: 2 } as const;
  const kinds = Object.keys(erase) as (keyof typeof erase)[];
  const secureErase = checkOneOf(or(given.get('secureErase'), 'none'), 'secureErase', kinds);
  const keeps = given.get('lbaFormat') === undefined;
  const target = checkInteger(nsid, 'nsid', 1, everyNamespace);
  if (keeps && target === everyNamespace)
    invalid('lbaFormat is missing: all namespaces need it, because they can have different formats');
  return {
    nsid: target,
    keeps,
    cdw10: (flbas: number) => {
      const { lbaFormat, interleaved } = keeps ? formatOf(flbas) : chosen;
      const together = given.get('metadata') === undefined ? interleaved : chosen.interleaved;
      return (
        (lbaFormat & 15) |
        (together ? 1 << 4 : 0) |
        (chosen.protectionType << 5) |
        (chosen.first ? 1 << 8 : 0) |
        (erase[secureErase] << 9) |
        ((lbaFormat >> 4) << 12)
      );
    },
    cryptographic: secureErase === 'cryptographic',
    limits: longLimits(given),
  };
}

/** @returns the data of Namespace Management, "Create" */
export function checkCreate(options: unknown) {
  const keys = ['blocks', 'capacityBlocks', 'shared', ...blockKeys, ...limitKeys] as const;
  const given = readOptions(options, 'namespace options', keys);
  const { lbaFormat, interleaved, protectionType, first } = readBlockFormat(given);
  const blocks = checkInteger(given.get('blocks'), 'blocks', 1, Number.MAX_SAFE_INTEGER);
  const capacity = checkInteger(or(given.get('capacityBlocks'), blocks), 'capacityBlocks', 1, blocks);
  const data = Buffer.alloc(4096);
  data.writeBigUInt64LE(BigInt(blocks), 0);
  data.writeBigUInt64LE(BigInt(capacity), 8);
  data.writeUInt8((lbaFormat & 15) | (interleaved ? 1 << 4 : 0) | ((lbaFormat >> 4) << 5), 26);
  data.writeUInt8(protectionType | (first ? 1 << 3 : 0), 29);
  data.writeUInt8(checkBoolean(or(given.get('shared'), false), 'shared') ? 1 : 0, 30);
  return { data, limits: longLimits(given) };
}

export function checkDelete(nsid: unknown, options: unknown) {
  return {
    nsid: checkInteger(nsid, 'nsid', 1, everyNamespace),
    limits: longLimits(readOptions(options, 'admin options', limitKeys)),
  };
}

/** @returns the controller list of Namespace Attachment */
export function checkAttachment(nsid: unknown, options: unknown, own: number) {
  const given = readOptions(options, 'attachment options', ['controllers', ...limitKeys]);
  const value = or(given.get('controllers'), [own]);
  const wanted = listIn(value, 'controllers', maxControllers);
  if (!wanted) throw new SpdkTypeError('controllers must be an array of controller ids');
  checkInteger(wanted.length, 'the number of controllers', 1, maxControllers);
  const ids = wanted.map((id, i) => checkInteger(id, `controllers[${i}]`, 0, 0xffef));
  const data = Buffer.alloc(4096);
  // The list must be in the order of the ids.
  const list = [...new Set(ids)].sort((a, b) => a - b);
  for (const [i, part] of [list.length, ...list].entries()) data.writeUInt16LE(part, 2 * i);
  return { nsid: checkInteger(nsid, 'nsid', 1, everyNamespace - 1), data, limits: limitsOf(given) };
}

export function checkDownload(options: unknown) {
  const given = readOptions(options, 'firmware options', ['offset', ...limitKeys]);
  const offset = checkMultiple(or(given.get('offset'), 0), 'offset', 4, 0, maxFirmwareOffset);
  return { offset, limits: longLimits(given) };
}

/** @returns CDW10 of Firmware Commit */
export function checkCommit(options: unknown) {
  const given = readOptions(options, 'firmware options', ['action', 'slot', ...limitKeys]);
  const actions = Object.keys(firmwareActions) as (keyof typeof firmwareActions)[];
  const action = checkOneOf(given.get('action'), 'action', actions);
  const slot = checkInteger(or(given.get('slot'), 0), 'slot', 0, 7);
  return { cdw10: slot | (firmwareActions[action] << 3), limits: longLimits(given) };
}

/** @returns CDW10 and CDW11 of Sanitize */
export function checkSanitize(options: unknown) {
  const overwriteKeys = ['passes', 'pattern', 'invertPattern'] as const;
  const keys = ['action', 'allowUnrestrictedExit', 'noDeallocate', ...overwriteKeys, ...limitKeys] as const;
  const given = readOptions(options, 'sanitize options', keys);
  const action = checkOneOf(given.get('action'), 'action', Object.keys(sanitizeActions) as SanitizeAction[]);
  const other = overwriteKeys.find((key) => given.get(key) !== undefined);
  if (other && action !== 'overwrite') conflict(`${other} is an option of action 'overwrite'`);
  const flag = (name: 'allowUnrestrictedExit' | 'noDeallocate' | 'invertPattern') =>
    checkBoolean(or(given.get(name), false), name);
  const passes = checkInteger(or(given.get('passes'), 1), 'passes', 1, 16);
  const pattern = checkInteger(or(given.get('pattern'), 0), 'pattern', 0, 0xffff_ffff);
  const cdw10 =
    sanitizeActions[action] |
    (flag('allowUnrestrictedExit') ? 1 << 3 : 0) |
    (action === 'overwrite' ? (passes & 15) << 4 : 0) |
    (flag('invertPattern') ? 1 << 8 : 0) |
    (flag('noDeallocate') ? 1 << 9 : 0);
  return { action, cdw: [cdw10, pattern], limits: limitsOf(given) };
}

export function checkSelfTest(kind: unknown, options: unknown) {
  const given = readOptions(options, 'self-test options', ['nsid', ...limitKeys]);
  return {
    kind: checkOneOf(kind, 'kind', ['short', 'extended', 'abort']),
    nsid: checkInteger(or(given.get('nsid'), everyNamespace), 'nsid', 0, everyNamespace),
    limits: limitsOf(given),
  };
}
