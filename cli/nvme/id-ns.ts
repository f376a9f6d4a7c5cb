// The Identify data of namespaces, as nvme-cli shows it.

import { decodeNamespaceDescriptors } from 'spdk-nvme';
import { type Field, readFields, readNumber } from './fields.js';

// NVM Command Set Specification, "Identify Namespace data structure"; the names are nvme-cli's.
const fields: readonly Field[] = [
  ['nsze', 0, 8],
  ['ncap', 8, 8],
  ['nuse', 16, 8],
  ['nsfeat', 24, 1],
  ['nlbaf', 25, 1],
  ['flbas', 26, 1],
  ['mc', 27, 1],
  ['dpc', 28, 1],
  ['dps', 29, 1],
  ['nmic', 30, 1],
  ['rescap', 31, 1],
  ['fpi', 32, 1],
  ['dlfeat', 33, 1],
  ['nawun', 34, 2],
  ['nawupf', 36, 2],
  ['nacwu', 38, 2],
  ['nabsn', 40, 2],
  ['nabo', 42, 2],
  ['nabspf', 44, 2],
  ['noiob', 46, 2],
  ['nvmcap', 48, 16],
  ['mssrl', 74, 2],
  ['mcl', 76, 4],
  ['msrc', 80, 1],
  ['nulbaf', 81, 1],
  ['anagrpid', 92, 4],
  ['nsattr', 99, 1],
  ['nvmsetid', 100, 2],
  ['endgid', 102, 2],
];
/** The fields that have a meaning only if NSFEAT says so (bit 4, OPTPERF). */
const optimal: readonly Field[] = [
  ['npwg', 64, 2],
  ['npwa', 66, 2],
  ['npdg', 68, 2],
  ['npda', 70, 2],
  ['nows', 72, 2],
];
const hasOptimal = 0x10;
const formatsAt = 128;

/** Identify Namespace, field by field. */
export function decodeIdNs(data: Buffer): Record<string, unknown> {
  const formats = Number(readNumber(data, 25, 1)) + Number(readNumber(data, 81, 1)) + 1;
  return {
    ...readFields(data, fields),
    ...((data.readUInt8(24) & hasOptimal) === 0 ? {} : readFields(data, optimal)),
    nguid: data.toString('hex', 104, 120),
    eui64: data.toString('hex', 120, 128),
    lbafs: Array.from({ length: Math.min(formats, 64) }, (_, format) => {
      const at = formatsAt + 4 * format;
      return { ms: data.readUInt16LE(at), ds: data.readUInt8(at + 2), rp: data.readUInt8(at + 3) & 3 };
    }),
  };
}

/** The list of Namespace Identification Descriptors (CNS 03h), as nvme-cli shows it: `loc` is where each begins. */
export function decodeNsDescs(data: Buffer): Record<string, unknown>[] {
  let at = 0;
  return decodeNamespaceDescriptors(data).map(({ kind, type, value }) => {
    const nidl = value.replaceAll('-', '').length / 2;
    const loc = at;
    at += descriptorHeaderBytes + nidl;
    const shown = kind === 'csi' ? commandSet(value) : value;
    return { loc, nidt: type, nidl, type: kind, [kind === 'unknown' ? 'value' : kind]: shown };
  });
}

const descriptorHeaderBytes = 4;

/** A number as C prints it with `%#x`. */
function commandSet(digits: string): string {
  const set = Number.parseInt(digits.slice(0, 2), 16);
  return set === 0 ? '0' : `0x${set.toString(16)}`;
}

/** The list of active namespace ids (CNS 02h): 32 bits each, ended by zero. */
export function decodeNsList(data: Buffer): number[] {
  const ids: number[] = [];
  for (let at = 0; at + 4 <= data.length; at += 4) {
    const id = data.readUInt32LE(at);
    if (id === 0) break;
    ids.push(id);
  }
  return ids;
}
