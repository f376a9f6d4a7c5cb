// Random values for calls into native code.

import type { Random } from '../testing/random.js';

/** A key that is empty, only begins like one, or is as long as allowed or longer. */
function anyKey(random: Random): Uint8Array {
  return Buffer.from(random.pick(['', 'DHHC-1:01:', 'NVMeTLSkey-1:01:', 'x'.repeat(256), 'x'.repeat(257)]));
}

/** What the properties of requests to native code are called, and what some of them take. */
const good: Readonly<Record<string, (random: Random) => unknown>> = {
  name: () => 'fuzz',
  memoryMb: () => 64,
  pollers: () => 1,
  memoryRequired: () => true,
  alwaysSpin: () => false,
  idleSleepUs: (random) => 1 + random.below(1_000),
  connectConcurrency: () => 4,
  logLevel: (random) => random.below(5),
  hostNqn: (random) => random.pick(['', 'nqn.2016-06.io.spdk:host', 'x'.repeat(223)]),
  hostId: (random) => random.pick(['', '0123456789abcdef0123456789abcdef', '0'.repeat(31), 'G'.repeat(32)]),
  sourceAddress: (random) => random.pick(['', '127.0.0.1', '::1', 'nonsense']),
  sourcePort: (random) => random.pick(['', '0', '65536', 'port']),
  ioQueues: (random) => 1 + random.below(3),
  queueDepth: (random) => random.pick([2, 3, 16, 128, 65_535]),
  keepAliveMs: (random) => random.pick([0, 1, 1_000, 10_000]),
  timeoutMs: (random) => random.pick([0, 1, 500, 2_000]),
  drainMs: (random) => random.below(20),
  reportStates: (random) => random.below(2) === 0,
  polling: (random) => random.pick(['threads', 'inline', 'adaptive', 'nonsense']),
  discovery: (random) => random.below(2) === 0,
  reconnectDelayMs: (random) => random.pick([0, 1, 100]),
  ctrlrLossTimeoutMs: (random) => random.pick([0, 1, 500, 2 ** 32 - 1]),
  fastIoFailTimeoutMs: (random) => random.pick([0, 1, 100]),
  stopOnRejection: (random) => random.below(2) === 0,
  headerDigest: (random) => random.below(2) === 0,
  dataDigest: (random) => random.below(2) === 0,
  transportAckTimeout: (random) => random.pick([0, 1, 11, 32]),
  transportRetryCount: (random) => random.pick([0, 1, 8]),
  tos: (random) => random.pick([0, 1, 256]),
  keys: (random) => ({
    dhchapKey: anyKey(random),
    dhchapControllerKey: anyKey(random),
    tlsPsk: anyKey(random),
    dhchapDigests: random.pick([0, 0b1110, 2 ** 32 - 1, 2 ** 32]),
    dhchapGroups: random.pick([0, 0b111111, 2 ** 32 - 1, -1]),
  }),
  description: (random) => random.pick(['spdk-nvme-fuzz', '', 'x'.repeat(4_096)]),
  maxBytes: (random) => random.pick([1, 256, 32_767]),
  queuePair: (random) => random.below(4),
  slot: (random) => random.below(140),
  opcode: (random) => random.pick([0x06, 0x02, 0x0a, 0x18, 0xff]),
  nsid: (random) => random.below(3),
  data: (random) => Buffer.alloc(random.pick([0, 1, 512, 4_096, 8_192])),
  bytes: (random) => random.pick([1, 512, 4_096, 1 << 20]),
  cdw10: (random) => random.below(16),
  tag: () => 0,
};

const functions = [
  ...['onLog', 'opened', 'attached', 'stateChanged', 'failed', 'resetStep', 'ioCompleted'],
  ...['namespacesChanged', 'logChanged', 'reservationsChanged', 'done', 'closed'],
];
const keys = [
  ...Object.keys(good),
  ...functions,
  ...['cdw11', 'cdw12', 'cdw13', 'cdw14', 'cdw15', 'transportId'],
];

const numbers = [
  ...[0, -0, 1, -1, 0.5, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 1e300],
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
];

/** A value of any kind, some of which run code when they are read. */
export function anyValue(random: Random, depth = 0): unknown {
  switch (random.below(depth > 2 ? 12 : 16)) {
    case 0:
      return undefined;
    case 1:
      return null;
    case 2:
      return random.below(2) === 0;
    case 3:
    case 4:
      return random.pick(numbers);
    case 5:
      return random.below(2 ** 32);
    case 6:
      return random.pick([
        '',
        'text',
        '\0',
        'x'.repeat(random.below(5_000)),
        '\ud800',
        'é'.repeat(300),
        '12',
      ]);
    case 7:
      return random.pick([Symbol('symbol'), 10n ** 30n, -1n]);
    case 8:
      return () => {};
    case 9:
      return random.pick([
        Buffer.alloc(random.below(64)),
        new ArrayBuffer(random.below(64)),
        new SharedArrayBuffer(8),
        new Float64Array(2),
        new DataView(new ArrayBuffer(8)),
        new Uint8Array(new SharedArrayBuffer(16)),
        detached(),
        new Uint8Array(resizable(), 0),
      ]);
    case 10:
      return random.pick([new Date(), /x/, new Map(), new Error('x'), Promise.resolve(), globalThis]);
    case 11:
      return random.pick([
        new Proxy({}, { get: reject, has: reject, ownKeys: reject }),
        { valueOf: reject, toString: reject },
        { [Symbol.toPrimitive]: reject },
        { valueOf: () => 1n },
      ]);
    case 12:
      return Array.from({ length: random.below(4) }, () => anyValue(random, depth + 1));
    default:
      return anyRequest(random, depth + 1);
  }
}

/** An object with all the properties that requests have, most of them good. */
export function anyRequest(random: Random, depth = 0, spoilt = random.pick([0, 0, 1, 2, 40])): object {
  const request: Record<string, unknown> = {};
  for (const key of keys) {
    if (functions.includes(key)) request[key] = () => {};
    else request[key] = good[key]?.(random) ?? random.below(8);
  }
  for (let i = 0; i < spoilt; i++) {
    const key = random.pick(keys);
    const how = random.below(8);
    delete request[key];
    if (how === 1) Object.defineProperty(request, key, { get: reject, configurable: true });
    if (how > 1) request[key] = anyValue(random, depth + 1);
  }
  return request;
}

function reject(): never {
  throw new Error('rejected');
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(16);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function resizable(): ArrayBuffer {
  const buffer = new (ArrayBuffer as new (bytes: number, options: object) => ArrayBuffer)(16, {
    maxByteLength: 64,
  });
  (buffer as unknown as { resize(bytes: number): void }).resize(4);
  return buffer;
}
