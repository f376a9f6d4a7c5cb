// Identify Controller, as nvme-cli shows it.

import { type Field, hyphenated, readFields, readNumber, readText } from './fields.js';

// NVM Express Base Specification, "Identify Controller data structure"; the names are nvme-cli's.
const before: readonly Field[] = [
  ['vid', 0, 2],
  ['ssvid', 2, 2],
];
const after: readonly Field[] = [
  ['rab', 72, 1],
  ['ieee', 73, 3],
  ['cmic', 76, 1],
  ['mdts', 77, 1],
  ['cntlid', 78, 2],
  ['ver', 80, 4],
  ['rtd3r', 84, 4],
  ['rtd3e', 88, 4],
  ['oaes', 92, 4],
  ['ctratt', 96, 4],
  ['rrls', 100, 2],
  ['cntrltype', 111, 1],
  ['crdt1', 128, 2],
  ['crdt2', 130, 2],
  ['crdt3', 132, 2],
  ['nvmsr', 253, 1],
  ['vwci', 254, 1],
  ['mec', 255, 1],
  ['oacs', 256, 2],
  ['acl', 258, 1],
  ['aerl', 259, 1],
  ['frmw', 260, 1],
  ['lpa', 261, 1],
  ['elpe', 262, 1],
  ['npss', 263, 1],
  ['avscc', 264, 1],
  ['apsta', 265, 1],
  ['wctemp', 266, 2],
  ['cctemp', 268, 2],
  ['mtfa', 270, 2],
  ['hmpre', 272, 4],
  ['hmmin', 276, 4],
  ['tnvmcap', 280, 16],
  ['unvmcap', 296, 16],
  ['rpmbs', 312, 4],
  ['edstt', 316, 2],
  ['dsto', 318, 1],
  ['fwug', 319, 1],
  ['kas', 320, 2],
  ['hctma', 322, 2],
  ['mntmt', 324, 2],
  ['mxtmt', 326, 2],
  ['sanicap', 328, 4],
  ['hmminds', 332, 4],
  ['hmmaxd', 336, 2],
  ['nsetidmax', 338, 2],
  ['endgidmax', 340, 2],
  ['anatt', 342, 1],
  ['anacap', 343, 1],
  ['anagrpmax', 344, 4],
  ['nanagrpid', 348, 4],
  ['pels', 352, 4],
  ['domainid', 356, 2],
  ['megcap', 368, 16],
  ['sqes', 512, 1],
  ['cqes', 513, 1],
  ['maxcmd', 514, 2],
  ['nn', 516, 4],
  ['oncs', 520, 2],
  ['fuses', 522, 2],
  ['fna', 524, 1],
  ['vwc', 525, 1],
  ['awun', 526, 2],
  ['awupf', 528, 2],
  ['icsvscc', 530, 1],
  ['nwpc', 531, 1],
  ['acwu', 532, 2],
  ['ocfs', 534, 2],
  ['sgls', 536, 4],
  ['mnan', 540, 4],
  ['maxdna', 544, 16],
  ['maxcna', 560, 4],
];
const fabrics: readonly Field[] = [
  ['ioccsz', 1792, 4],
  ['iorcsz', 1796, 4],
  ['icdoff', 1800, 2],
  ['fcatt', 1802, 1],
  ['msdbd', 1803, 1],
  ['ofcs', 1804, 2],
];
const powerState: readonly Field[] = [
  ['max_power', 0, 2],
  ['flags', 3, 1],
  ['entry_lat', 4, 4],
  ['exit_lat', 8, 4],
  ['read_tput', 12, 1],
  ['read_lat', 13, 1],
  ['write_tput', 14, 1],
  ['write_lat', 15, 1],
  ['idle_power', 16, 2],
  ['active_power', 20, 2],
];
const powerStatesAt = 2048;
const powerStateBytes = 32;
/** FRU Globally Unique Identifier. */
const fguidAt = 112;

/** Identify Controller, field by field. */
export function decodeIdCtrl(data: Buffer): Record<string, unknown> {
  const states = Number(readNumber(data, 263, 1)) + 1;
  return {
    ...readFields(data, before),
    sn: readText(data, 4, 20),
    mn: readText(data, 24, 40),
    fr: readText(data, 64, 8),
    ...readFields(data, after),
    fguid: hyphenated(data.toString('hex', fguidAt, fguidAt + 16)),
    subnqn: readText(data, 768, 256),
    ...readFields(data, fabrics),
    psds: Array.from({ length: states }, (_, state) => {
      const at = powerStatesAt + state * powerStateBytes;
      return decodePowerState(data.subarray(at, at + powerStateBytes));
    }),
  };
}

/** "Power State Descriptor data structure": scales are the two upper bits of their bytes, the workload the three lower ones. */
function decodePowerState(data: Buffer): Record<string, unknown> {
  const [idle, active] = [data.readUInt8(18), data.readUInt8(22)];
  return {
    ...readFields(data, powerState),
    idle_scale: idle >> 6,
    active_power_work: active & 7,
    active_scale: active >> 6,
  };
}
