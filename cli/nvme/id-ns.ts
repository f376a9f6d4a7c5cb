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
  ['npwg', 64, 2],
  ['npwa', 66, 2],
  ['npdg', 68, 2],
  ['npda', 70, 2],
  ['nows', 72, 2],
  ['mssrl', 74, 2],
  ['mcl', 76, 4],
  ['msrc', 80, 1],
  ['nulbaf', 81, 1],
  ['anagrpid', 92, 4],
  ['nsattr', 99, 1],
  ['nvmsetid', 100, 2],
  ['endgid', 102, 2],
];
const formatsAt = 128;

/** Identify Namespace, field by field. */
export function decodeIdNs(data: Buffer): Record<string, unknown> {
  const formats = Number(readNumber(data, 25, 1)) + Number(readNumber(data, 81, 1)) + 1;
  return {
    ...readFields(data, fields),
    nguid: data.toString('hex', 104, 120),
    eui64: data.toString('hex', 120, 128),
    lbafs: Array.from({ length: Math.min(formats, 64) }, (_, format) => {
      const at = formatsAt + 4 * format;
      return { ms: data.readUInt16LE(at), ds: data.readUInt8(at + 2), rp: data.readUInt8(at + 3) & 3 };
    }),
  };
}

/** Namespace Identification Descriptor types, and how many bytes they have. */
const descriptors = { 1: 'eui64', 2: 'nguid', 3: 'uuid', 4: 'csi' } as const;

/** The list of Namespace Identification Descriptors (CNS 03h): the globally unique names of a namespace. */
export function decodeNsDescs(data: Buffer): Record<string, unknown>[] {
  const list: Record<string, unknown>[] = [];
  for (let at = 0; at + 4 <= data.length; ) {
    const type = data.readUInt8(at);
    const length = data.readUInt8(at + 1);
    if (type === 0 || at + 4 + length > data.length) break;
    const value = data.subarray(at + 4, at + 4 + length);
    const name = descriptors[type as keyof typeof descriptors];
    if (name === 'uuid') list.push({ uuid: formatUuid(value) });
    else if (name === 'csi') list.push({ csi: value[0] ?? 0 });
    else if (name !== undefined) list.push({ [name]: value.toString('hex') });
    else list.push({ type, value: value.toString('hex') });
    at += 4 + length;
  }
  return list;
}

export function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
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
