// A command as a ring in shared memory describes it.

import { commandWord as at, ioOpcodes, ringLayout } from '../native/ring-layout.js';
import { receivesData } from '../nvme/opcode.js';

/** A part of a DMA region. */
interface CommandPart {
  readonly region: number;
  readonly offset: number;
  readonly length: number;
}

/** A command as a slot of a ring describes it. */
export interface RingCommand {
  readonly operation: number;
  readonly nsid: number;
  readonly tag: number;
  readonly block: number;
  readonly blocks: number;
  readonly blockSize: number;
  readonly parts: readonly CommandPart[];
  /** The opcode of a raw command. */
  readonly opcode: number;
  readonly dwords: readonly number[];
  /** Bits of CDW12: Force Unit Access, Limited Retry, and how protection information is made and checked. */
  readonly flags: number;
  /** CDW14 and CDW15, which mean something with flags of protection information only. */
  readonly referenceTag: number;
  readonly applicationTag: number;
}

const twoTo32 = 4_294_967_296;

/** Reads a command from a ring's words. @param command where its slot begins; @param segments where its segments do */
export function readCommand(words: Uint32Array, command: number, segments: number): RingCommand {
  const word = (index: number) => words[command + index] as number;
  const base = {
    operation: word(at.operation),
    nsid: word(at.namespace),
    tag: word(word(at.operation) === ioOpcodes.raw ? at.rawTag : at.tag),
    block: word(at.blockHigh) * twoTo32 + word(at.blockLow),
    blocks: word(at.blocks),
    blockSize: word(at.blockSize),
    referenceTag: word(at.referenceTag),
    applicationTag: word(at.applicationTag),
  };
  if (base.operation === ioOpcodes.raw) {
    const length = word(at.length);
    return {
      ...base,
      block: 0,
      blocks: 0,
      opcode: word(at.opcode),
      dwords: Array.from({ length: 6 }, (_, i) => word(at.cdw10 + i)),
      flags: 0,
      parts: length === 0 ? [] : [{ region: word(at.region), offset: word(at.offset), length }],
    };
  }
  const count = word(at.segments);
  const times = base.operation === ioOpcodes.compareAndWrite ? 2 : 1;
  const length = base.blocks * base.blockSize * times;
  const whole = { region: word(at.region), offset: word(at.offset), length };
  const pieces = Array.from({ length: Math.min(count, ringLayout.maxSegments) }, (_, i) => {
    const part = segments + i * ringLayout.segmentWords;
    return {
      region: words[part] as number,
      offset: words[part + 1] as number,
      length: words[part + 2] as number,
    };
  });
  const transfers = [ioOpcodes.read, ioOpcodes.write, ioOpcodes.compare, ioOpcodes.compareAndWrite].some(
    (one) => one === base.operation,
  );
  return {
    ...base,
    opcode: 0,
    dwords: [],
    flags: word(at.flags),
    parts: transfers ? (count > 0 ? pieces : [whole]) : [],
  };
}

/** Bytes of data of a command that native code sends as one, whatever the maximum of the controller; 0 for one that it splits. */
export function wholeBytes({ operation, parts, blocks, blockSize }: RingCommand): number {
  if (operation === ioOpcodes.raw) return parts.reduce((sum, { length }) => sum + length, 0);
  return operation === ioOpcodes.compareAndWrite ? blocks * blockSize : 0;
}

/** Whether data comes from the controller. */
export function comesBack(command: RingCommand): boolean {
  if (command.operation === ioOpcodes.raw) return receivesData(command.opcode);
  return command.operation === ioOpcodes.read;
}
