import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hostError } from '../../lib/errors/command-status.js';
import { Ring, segmentsPerCommand } from '../../lib/io/ring.js';
import type { NativeQueuePair } from '../../lib/native/contract.js';
import { commandWord, ioOpcodes, ringLayout } from '../../lib/native/ring-layout.js';

// lib/native/ring-layout.ts has what native/core/io/ring_layout.h has, and what lib/io/ring.ts writes is where native code reads it.

const header = fs.readFileSync(new URL('../../native/core/io/ring_layout.h', import.meta.url), 'utf8');
const constants = new Map(
  [...header.matchAll(/constexpr uint32_t (k\w+) = (\d+);/g)].map(([, name, value]) => [name, Number(value)]),
);

function constant(name: string): number {
  const value = constants.get(name);
  if (value === undefined) throw new Error(`ring_layout.h has no ${name}`);
  return value;
}

const capacity = 4;
const words = constant('kHeaderWords') + capacity * (4 + constant('kCommandWords'));
const commandOf = (slot: number) =>
  constant('kHeaderWords') + capacity * 4 + slot * constant('kCommandWords');
const segmentsOf = (slot: number) => words + slot * constant('kMaxSegments') * constant('kSegmentWords');

function fixture() {
  const memory = new Uint32Array(words + capacity * constant('kMaxSegments') * constant('kSegmentWords'));
  let completed = 0;
  const native = {
    capacity: () => capacity,
    memory: () => memory.buffer,
    poller: () => -1,
    submit: () => {},
    poll: () => {},
  } as unknown as NativeQueuePair;
  const complete = (slot: number, status: number, result: number) => {
    const completions = constant('kHeaderWords') + capacity;
    memory[completions + completed++] = slot;
    memory[completions + capacity + slot] = status;
    memory[completions + 2 * capacity + slot] = result;
    memory[constant('kCompletedWord')] = completed;
  };
  return { ring: new Ring(native, false), memory, complete };
}

describe('the layout of a ring', () => {
  it('is the same on both sides, with nothing missing on either', () => {
    const nameOf = (name: string) => `k${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    const here = Object.entries({ ...ringLayout, ...commandWord }).map(([name, value]) => [
      nameOf(name),
      value,
    ]);
    // How many dwords a raw command has follows from the others of its list.
    const there = [...constants].filter(([name]) => name !== 'kRawDwords');
    expect(Object.fromEntries(here)).toEqual(Object.fromEntries(there));
    const shift = Number(header.match(/kHostError = 1U << (\d+);/)?.[1]);
    expect(hostError).toBe(2 ** shift);
  });

  it('has the same operations on both sides', () => {
    const body = header.match(/enum Operation : uint32_t \{([^}]*)\}/)?.[1] ?? '';
    const native = [...body.matchAll(/(\w+) = (\d+)/g)].map(([, name, value]) => [name, Number(value)]);
    const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const ours = Object.entries(ioOpcodes).map(([name, value]) => [snake(name), value]);
    expect(ours).toEqual(native);
    expect(segmentsPerCommand).toBe(constant('kMaxSegments'));
  });

  it('has each word of a command where native code reads it', () => {
    const { ring, memory } = fixture();
    const slot = 2;
    memory.fill(0xffff_ffff, commandOf(slot), commandOf(slot + 1));
    ring.describe(slot, ioOpcodes.read, 7, 23, 512, 3 * 2 ** 32 + 5, 11, 13, 17, 19);
    const word = (name: string) => memory[commandOf(slot) + constant(name)];
    expect({
      operation: word('kOperation'),
      namespace: word('kNamespace'),
      low: word('kBlockLow'),
      high: word('kBlockHigh'),
      blocks: word('kBlocks'),
      region: word('kRegion'),
      offset: word('kOffset'),
      blockSize: word('kBlockSize'),
      flags: word('kFlags'),
      segments: word('kSegments'),
      cancel: word('kCancel'),
      tag: word('kTag'),
    }).toEqual({
      operation: 2,
      namespace: 7,
      low: 5,
      high: 3,
      blocks: 11,
      region: 13,
      offset: 17,
      blockSize: 512,
      flags: 19,
      segments: 0,
      cancel: 0,
      tag: 23,
    });
  });

  it('has tags of protection information there too', () => {
    const { ring, memory } = fixture();
    ring.describe(2, ioOpcodes.write, 1, 23, 512, 0, 2, 0, 0, 0x3c00_0000);
    ring.describeTags(2, 2 ** 32 + 5, 0xffff_0007);
    const word = (name: string) => memory[commandOf(2) + constant(name)];
    expect([word('kReferenceTag'), word('kApplicationTag')]).toEqual([5, 0xffff_0007]);
  });

  it('has segments, raw commands and cancellations there too', () => {
    const { ring, memory } = fixture();
    ring.describe(1, ioOpcodes.write, 1, 23, 512, 0, 2, 0, 0, 0);
    ring.describeSegments(1, [
      { region: 3, offset: 4, length: 512 },
      { region: 5, offset: 6, length: 513 },
    ]);
    expect(memory[commandOf(1) + constant('kSegments')]).toBe(2);
    expect([...memory.subarray(segmentsOf(1), segmentsOf(1) + 6)]).toEqual([3, 4, 512, 5, 6, 513]);
    const cancels = memory[constant('kCancelsWord')];
    ring.cancel(1);
    expect(memory[commandOf(1) + constant('kCancel')]).toBe(1);
    expect(memory[constant('kCancelsWord')]).not.toBe(cancels);
    ring.describeRaw(3, 0x99, 7, 27, [21, 22, 23, 24, 25, 26], 3, 4, 5);
    const word = (name: string) => memory[commandOf(3) + constant(name)];
    const named = ['kOpcode', 'kRawTag', 'kRegion', 'kOffset', 'kLength'].map(word);
    expect(named).toEqual([0x99, 27, 3, 4, 5]);
    const dwords = commandOf(3) + constant('kCdw10');
    expect([...memory.subarray(dwords, dwords + constant('kRawDwords'))]).toEqual([21, 22, 23, 24, 25, 26]);
    memory[commandOf(3) + constant('kResultHigh')] = 5;
    memory[constant('kHeaderWords') + capacity * 3 + 3] = 0xffff_fff0;
    expect(ring.longResult(3)).toBe(5 * 2 ** 32 + 0xffff_fff0);
  });

  it('has queues, statuses and results there too', () => {
    const { ring, memory, complete } = fixture();
    ring.pending = 9;
    expect(memory[constant('kPendingWord')]).toBe(9);
    const [first, second] = [ring.take(), ring.take()];
    ring.push(first);
    ring.push(second);
    const queue = constant('kHeaderWords');
    expect([memory[queue], memory[queue + 1]]).toEqual([first, second]);
    complete(second, 31, 32);
    const heard: number[][] = [];
    ring.reap({ complete: (...what) => heard.push(what) });
    expect(heard).toEqual([[second, 31, 32]]);
    ring.requestWake();
    expect(memory[constant('kWakeWord')]).toBe(1);
    ring.withdrawWake();
    expect(memory[constant('kWakeWord')]).toBe(0);
  });
});
