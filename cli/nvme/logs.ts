// Log pages, as nvme-cli shows them.

import { type Field, readFields } from './fields.js';

// NVM Express Base Specification, "SMART / Health Information log page"; the names are nvme-cli's.
const smart: readonly Field[] = [
  ['critical_warning', 0, 1],
  ['temperature', 1, 2],
  ['avail_spare', 3, 1],
  ['spare_thresh', 4, 1],
  ['percent_used', 5, 1],
  ['endurance_grp_critical_warning_summary', 6, 1],
  ['data_units_read', 32, 16],
  ['data_units_written', 48, 16],
  ['host_read_commands', 64, 16],
  ['host_write_commands', 80, 16],
  ['controller_busy_time', 96, 16],
  ['power_cycles', 112, 16],
  ['power_on_hours', 128, 16],
  ['unsafe_shutdowns', 144, 16],
  ['media_errors', 160, 16],
  ['num_err_log_entries', 176, 16],
  ['warning_temp_time', 192, 4],
  ['critical_comp_time', 196, 4],
  ['thm_temp1_trans_count', 216, 4],
  ['thm_temp2_trans_count', 220, 4],
  ['thm_temp1_total_time', 224, 4],
  ['thm_temp2_total_time', 228, 4],
];
const sensors = Array.from(
  { length: 8 },
  (_, index): Field => [`temperature_sensor_${index + 1}`, 200 + 2 * index, 2],
);
export const smartBytes = 512;

/** A sensor of 0 K is none. */
export function decodeSmartLog(page: Buffer): Record<string, number | bigint> {
  const present = sensors.filter(([, at]) => page.readUInt16LE(at) !== 0);
  return readFields(page, [...smart, ...present]);
}

// "Error Information Log Entry".
const error: readonly Field[] = [
  ['error_count', 0, 8],
  ['sqid', 8, 2],
  ['cmdid', 10, 2],
  ['status_field', 12, 2],
  ['parm_error_location', 14, 2],
  ['lba', 16, 8],
  ['nsid', 24, 4],
  ['vs', 28, 1],
  ['trtype', 29, 1],
  ['cs', 32, 8],
  ['trtype_spec_info', 40, 2],
];
export const errorEntryBytes = 64;

/** How many entries the log of a controller has: ELPE in its Identify data. What is read behind them is undefined. */
export function errorEntries(idCtrl: Buffer): number {
  return idCtrl.readUInt8(262) + 1;
}

/** Every entry of the page; an error count of 0 says that it was never used. */
export function decodeErrorLog(page: Buffer): Record<string, number | bigint>[] {
  const count = Math.floor(page.length / errorEntryBytes);
  return Array.from({ length: count }, (_, entry) => {
    const fields = readFields(page.subarray(entry * errorEntryBytes), error);
    const status = Number(fields.status_field);
    // The lowest bit is the phase tag's.
    return { ...fields, status_field: status >> 1, phase_tag: status & 1 };
  });
}

// "Asymmetric Namespace Access log page".
const anaStates: Readonly<Record<number, string>> = {
  1: 'optimized',
  2: 'non-optimized',
  3: 'inaccessible',
  4: 'persistent-loss',
  15: 'change',
};
export const anaPage = 0x0c;
const anaHeaderBytes = 16;
const anaGroupBytes = 32;
/** As lib/multipath/ana.ts has it. */
const maxAnaLogBytes = 4 << 20;

export interface AnaGroup {
  readonly grpid: number;
  readonly chgcnt: bigint;
  readonly state: string;
  readonly nsids: readonly number[];
}

/** The length to read of the log of a controller, from its Identify data: NANAGRPID, MNAN or NN, which may be far more than there are. */
export function anaLogBytes(idCtrl: Buffer): number {
  const namespaces = idCtrl.readUInt32LE(540) || idCtrl.readUInt32LE(516);
  return Math.min(anaHeaderBytes + idCtrl.readUInt32LE(348) * anaGroupBytes + namespaces * 4, maxAnaLogBytes);
}

/** Whether a controller reports ANA: CMIC in its Identify data. */
export function reportsAna(idCtrl: Buffer): boolean {
  return (idCtrl.readUInt8(76) & 8) !== 0;
}

/** A log that ends too early has fewer groups. */
export function decodeAnaLog(page: Buffer): AnaGroup[] {
  const groups: AnaGroup[] = [];
  let at = anaHeaderBytes;
  for (let left = page.readUInt16LE(8); left > 0 && at + anaGroupBytes <= page.length; left--) {
    const state = page.readUInt8(at + 16) & 0xf;
    const first = at + anaGroupBytes;
    const end = Math.min(first + page.readUInt32LE(at + 4) * 4, page.length - (page.length % 4));
    const nsids: number[] = [];
    for (let id = first; id < end; id += 4) nsids.push(page.readUInt32LE(id));
    groups.push({
      grpid: page.readUInt32LE(at),
      chgcnt: page.readBigUInt64LE(at + 8),
      state: anaStates[state] ?? `reserved (${state})`,
      nsids,
    });
    at = end;
  }
  return groups;
}
