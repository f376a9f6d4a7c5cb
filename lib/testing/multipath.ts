// What controllers in memory say of themselves to a host with several paths: ANA, identifiers, retry delays.

import { type AnaState, anaLogBytes, anaPage } from '../multipath/ana.js';
import { anaNotices } from '../multipath/identity.js';
import type { AdminQuestion, MemoryAdminResult } from './admin.js';
import type { MemoryLink } from './faults.js';
import type { MemoryNamespace } from './namespace.js';

/** A subsystem, as far as these commands need it. */
interface MultipathSubsystem {
  readonly nqn: string;
  readonly namespaces: ReadonlyMap<number, MemoryNamespace>;
  readonly reportsAna: boolean;
  readonly anaTransitionSeconds: number;
  readonly commandRetryDelays: readonly number[];
  anaOf(id: number): AnaState;
}

const opcodes = { getLogPage: 0x02, identify: 0x06, setFeatures: 0x09 } as const;
const asyncEventConfiguration = 0x0b;
const groups = 5;
const maxNamespaces = 64;
const codes = {
  optimized: 1,
  'non-optimized': 2,
  inaccessible: 3,
  'persistent-loss': 4,
  change: 15,
} as const satisfies Record<AnaState, number>;
export const anaStates = Object.keys(codes) as AnaState[];

/** The status of commands in an ANA state; 0 where they are carried out. */
export function anaStatus(state: AnaState): number {
  const code = { optimized: 0, 'non-optimized': 0, inaccessible: 2, 'persistent-loss': 1, change: 3 }[state];
  return code === 0 ? 0 : 0x300 | code;
}

/** The result, with the data that only these commands have. */
export function completeMultipath(
  question: AdminQuestion,
  result: MemoryAdminResult,
  subsystem: MultipathSubsystem,
  from: MemoryLink,
): MemoryAdminResult {
  const [dword0 = 0, dword1 = 0, offset = 0] = question.cdw;
  const data = Buffer.from(result.data.buffer, result.data.byteOffset, result.data.byteLength);
  const what = dword0 & 0xff;
  if (question.opcode === opcodes.identify && what === 1 && result.status === 0) describe(data, subsystem);
  if (question.opcode === opcodes.identify && what === 3) {
    data.fill(0);
    describeNamespace(data, subsystem.namespaces.get(question.nsid));
  }
  if (question.opcode === opcodes.getLogPage && what === anaPage && subsystem.reportsAna) {
    data.fill(0);
    anaLog(subsystem).subarray(offset).copy(data);
  }
  if (question.opcode === opcodes.setFeatures && what === asyncEventConfiguration) {
    if ((dword1 & anaNotices) !== 0) from.watchLog();
  }
  return result;
}

function describe(data: Buffer, subsystem: MultipathSubsystem): void {
  data.write('Controller in memory'.padEnd(40), 24, 'latin1');
  for (const [i, delay] of subsystem.commandRetryDelays.entries()) data.writeUInt16LE(delay, 128 + 2 * i);
  data.writeUInt32LE(maxNamespaces, 540);
  data.write(subsystem.nqn, 768, 'utf8');
  if (!subsystem.reportsAna) return;
  data.writeUInt8(1 << 3, 76);
  data.writeUInt32LE(anaNotices, 92);
  // Log pages can be read in pieces.
  data.writeUInt8(1 << 2, 261);
  data.writeUInt8(subsystem.anaTransitionSeconds, 342);
  data.writeUInt32LE(groups, 348);
}

function describeNamespace(data: Buffer, namespace: MemoryNamespace | undefined): void {
  if (!namespace || namespace.uuid === '') return;
  data.writeUInt8(3, 0);
  data.writeUInt8(16, 1);
  data.write(namespace.uuid.replaceAll('-', ''), 4, 'hex');
}

/** Makes the ANA log, with one group for each state that some namespace has. */
function anaLog(subsystem: MultipathSubsystem): Buffer {
  const log = Buffer.alloc(anaLogBytes(groups, maxNamespaces));
  const used = Object.entries(codes).flatMap(([state, code]) => {
    const ids = [...subsystem.namespaces.keys()].filter((id) => subsystem.anaOf(id) === state);
    return ids.length > 0 ? [{ code, ids }] : [];
  });
  log.writeUInt16LE(used.length, 8);
  let at = 16;
  for (const { code, ids } of used) {
    log.writeUInt32LE(code, at);
    log.writeUInt32LE(ids.length, at + 4);
    log.writeUInt8(code, at + 16);
    at += 32;
    for (const id of ids) at = log.writeUInt32LE(id, at);
  }
  return log;
}
