// What must hold for every input of a parser.

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { isSpdkErrorCode } from '../../lib/errors/catalogue.js';
import { SpdkError, SpdkTypeError } from '../../lib/errors/spdk-error.js';
import { readPart, writePart } from '../../lib/file/arguments.js';
import { readBatchTransfer } from '../../lib/io/batch-command.js';
import { resolveAttachOptions } from '../../lib/options/attach.js';
import { resolveDetachOptions } from '../../lib/options/detach.js';
import { resolveCloseOptions, resolveEnvironmentOptions } from '../../lib/options/environment.js';
import { checkNqn } from '../../lib/options/nqn.js';
import { resolveResetOptions } from '../../lib/options/reset.js';
import { formatTransportId, parseTransportId, type TransportId } from '../../lib/options/transport-id.js';
import { partEnd, type StreamKind, streamPlan } from '../../lib/streams/stream-options.js';
import { anyText } from './any-text.js';
import { checkCommandLine, commandLine } from './command-lines.js';
import { anyValue, misspellings, optionsWith } from './values.js';

/** Something that must hold for every input. */
export interface Property {
  readonly name: string;
  /** Throws for an input that violates it. */
  check(parameters: fc.Parameters<[unknown]>): void | Promise<void>;
}

/**
 * A limit of processor time, because other programs use the processor, too. Parsing takes time in proportion to the
 * input, which is short.
 */
const slowMs = 500;
const longestMessage = 2_000;

const example = 'trtype:RDMA adrfam:IPv4 traddr:10.0.0.1 trsvcid:4420 subnqn:nqn.2016-06.io.spdk:cnode1';
const tcpId = parseTransportId(example.replace('RDMA', 'TCP'));

const nqn = fc.oneof(
  fc.constant('nqn.2016-06.io.spdk:cnode1'),
  fc.constant('nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555'),
  fc.constant('nqn.2014-08.org.nvmexpress.discovery'),
  fc.string({ maxLength: 230 }).map((name) => `nqn.2016-06.io.spdk:${name}`),
);
const fieldValues = {
  trtype: fc.constantFrom('RDMA', 'tcp', 'PCIe', 'FC'),
  adrfam: fc.constantFrom('IPv4', 'ipv6', 'IB'),
  traddr: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('0000:01:00.0', 'fe80::1%eth0', 'localhost')),
  trsvcid: fc.oneof(
    fc.nat(70_000).map(String),
    fc.constantFrom('04420', '+1', '0x10', '1e3', '-0', ' 1', '9'.repeat(40)),
  ),
  subnqn: nqn,
};

/** Words of a transport id in any order, some of them twice, with various separators. */
const words = fc
  .array(
    fc
      .constantFrom(...(Object.keys(fieldValues) as (keyof typeof fieldValues)[]))
      .chain((key) =>
        fc
          .tuple(
            fc.oneof(fc.constant<string>(key), misspellings(key)),
            fc.constantFrom(':', '='),
            fieldValues[key],
          )
          .map((parts) => parts.join('')),
      ),
    { maxLength: 8 },
  )
  .chain((list) => fc.constantFrom(' ', '\t', '\n  ', '').map((between) => list.join(between)));

const transportId = fc.oneof(
  words,
  misspellings(example),
  anyText({ maxLength: 1_200 }),
  optionsWith(fieldValues),
);

const attachValues = {
  hostNqn: nqn,
  hostId: fc.uuid(),
  ioQueues: fc.integer({ min: 1, max: 1_024 }),
  queueDepth: fc.integer({ min: 2, max: 32_768 }),
  keepAliveMs: fc.integer({ min: 0, max: 3_600_000 }),
  timeoutMs: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  signal: fc.constant(new AbortController().signal),
  polling: fc.constantFrom('threads', 'inline', 'adaptive'),
  maxWaiting: fc.nat(1_048_576),
  sourceAddress: fc.oneof(fc.ipV4(), fc.ipV6()),
  sourcePort: fc.integer({ min: 1, max: 65_535 }),
  reconnectDelayMs: fc.nat(100_000),
  ctrlrLossTimeoutMs: fc.integer({ min: -1, max: 1_000_000 }),
  fastIoFailTimeoutMs: fc.integer({ min: -1, max: 1_000_000 }),
  onTimeout: fc.constantFrom('none', 'abort', 'reset'),
  stopOnRejection: fc.boolean(),
  headerDigest: fc.boolean(),
  dataDigest: fc.boolean(),
  transportAckTimeout: fc.integer({ min: -1, max: 33 }),
  transportRetryCount: fc.integer({ min: -1, max: 9 }),
  tos: fc.integer({ min: -1, max: 257 }),
};
const environmentValues = {
  name: fc.string({ maxLength: 70 }),
  pollers: fc.integer({ min: 1, max: 64 }),
  memoryMb: fc.integer({ min: 64, max: 1_048_576 }),
  idle: fc.constantFrom('adaptive', 'spin'),
  idleSleepUs: fc.integer({ min: 1, max: 100_000 }),
  log: fc.constantFrom('event', 'stderr'),
  logLevel: fc.constantFrom('error', 'warn', 'notice', 'info', 'debug'),
  connectConcurrency: fc.integer({ min: 1, max: 64 }),
};
const timeValues = { drainMs: fc.nat(10_000), timeoutMs: fc.integer({ min: 1, max: 10_000 }) };

const chunksValues = {
  startBytes: fc.nat(40_000),
  endBytes: fc.nat(40_000),
  chunkBytes: fc.oneof(fc.nat(5_000), fc.constantFrom(512, 1_024, 2 ** 26, 2 ** 27)),
  concurrency: fc.integer({ min: 0, max: 65 }),
  timeoutMs: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
};
const streamValues = {
  chunks: chunksValues,
  'read stream': { ...chunksValues, reuseAfterChunks: fc.integer({ min: 0, max: 1_025 }) },
  'write stream': { ...chunksValues, flush: fc.boolean() },
};
const partValues = {
  buffer: fc.constantFrom(Buffer.alloc(10), new Float64Array(2), new DataView(new ArrayBuffer(3))),
  offset: fc.integer({ min: -1, max: 20 }),
  length: fc.integer({ min: -1, max: 20 }),
  position: fc.oneof(fc.integer(), fc.bigInt(), fc.constant(null)),
};
const batchValues = { ...partValues, bufferOffset: fc.nat(20), tag: fc.nat(), namespace: anyValue };
const disk = { bytes: 32_768, blockSize: 512 };

/** The result of a call; undefined if it rejects its input with a readable error of this package. */
function accepted<Result>(call: () => Result): Result | undefined {
  const begun = process.cpuUsage();
  const result = outcome(call);
  const { user } = process.cpuUsage(begun);
  if (user > slowMs * 1_000) throw new Error(`took ${user} µs`);
  return result;
}

function outcome<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof SpdkError || error instanceof SpdkTypeError) || !isSpdkErrorCode(error.code)) {
      throw new Error(`threw an error without a code: ${String(error)}`, { cause: error });
    }
    if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(error.message) || error.message.length > longestMessage) {
      throw new Error(`has a message that is not one short line: ${JSON.stringify(error.message)}`);
    }
    return undefined;
  }
}

/** An accepted result is frozen, and is accepted again unchanged. */
function holds<Input, Result extends object>(
  name: string,
  inputs: fc.Arbitrary<Input>,
  resolve: (input: Input | Result) => Result,
): Property {
  return {
    name,
    check: (parameters) =>
      fc.assert(
        fc.property(inputs, (input) => {
          const result = accepted(() => resolve(input));
          if (result === undefined) return;
          if (!Object.isFrozen(result)) throw new Error('gave an object that can be changed');
          if (!isDeepStrictEqual(resolve(result), result)) throw new Error('does not accept its own result');
        }),
        parameters as unknown as fc.Parameters<[Input]>,
      ),
  };
}

/** Input is accepted, or rejected with a code; `check` throws for a result that makes no sense. */
function rejects<Input, Result>(
  name: string,
  inputs: fc.Arbitrary<Input>,
  read: (input: Input) => Result,
  check: (result: Result) => void,
): Property {
  return {
    name,
    check: (parameters) =>
      fc.assert(
        fc.property(inputs, (input) => {
          const result = accepted(() => read(input));
          if (result !== undefined) check(result);
        }),
        parameters as unknown as fc.Parameters<[Input]>,
      ),
  };
}

function checkPart({ view, bytes, position }: ReturnType<typeof readPart>): void {
  const inside = bytes.buffer === view.buffer && bytes.byteOffset >= view.byteOffset;
  if (!inside || bytes.byteLength > view.byteLength) throw new Error('reaches beyond the buffer');
  if (position !== null && !(Number.isSafeInteger(position) && position >= 0))
    throw new Error('has no place');
}

/** The parsers and checks of input, and what must hold for each. */
export const properties: readonly Property[] = [
  holds('transport ids', transportId as fc.Arbitrary<string>, (id: string | TransportId) => {
    const parsed = parseTransportId(id);
    const text = formatTransportId(parsed);
    if (!isDeepStrictEqual(parseTransportId(text), parsed)) throw new Error(`${text} means something else`);
    return parsed;
  }),
  holds('environment options', optionsWith(environmentValues), resolveEnvironmentOptions),
  holds('attach options', optionsWith(attachValues), (options) => resolveAttachOptions(options, tcpId)),
  holds('detach options', optionsWith(timeValues), resolveDetachOptions),
  holds('reset options', optionsWith(timeValues), resolveResetOptions),
  holds('close options', optionsWith(timeValues), resolveCloseOptions),
  holds('NQNs', fc.oneof(nqn, nqn.chain(misspellings), anyValue), (value) => {
    const text = value !== null && typeof value === 'object' && 'nqn' in value ? value.nqn : value;
    return Object.freeze({ nqn: checkNqn(text, 'subnqn') });
  }),
  ...Object.entries(streamValues).map(([kind, values]) =>
    rejects(
      `${kind} options`,
      optionsWith(values),
      (options) => streamPlan(options, disk, kind as StreamKind, () => {}),
      (plan) => {
        let position = plan.start;
        for (let parts = 0; position < plan.end; parts++) {
          const end = partEnd(position, plan, disk.blockSize);
          if (end <= position || end > plan.end || parts > 100) throw new Error(`stops at ${position}`);
          position = end;
        }
      },
    ),
  ),
  rejects('file options', optionsWith(partValues), (options) => readPart(options, 0, 0, 0), checkPart),
  rejects(
    'file arguments',
    fc.tuple(fc.oneof(partValues.buffer, anyValue), anyValue, anyValue, anyValue),
    ([buffer, offset, length, position]) => writePart(buffer, offset, length, position),
    ({ bytes, position }) => checkPart({ view: bytes, bytes, position }),
  ),
  {
    name: 'command lines',
    check: async (parameters) => {
      let last = Promise.resolve(true);
      const property = fc.asyncProperty(commandLine, async (words) => {
        last = checkCommandLine(words);
        await last;
      });
      try {
        await fc.assert(property, parameters as unknown as fc.Parameters<[string[]]>);
      } finally {
        // The last property may still run when the time is over.
        await last.catch(() => {});
      }
    },
  },
  rejects('batch commands', optionsWith(batchValues), readBatchTransfer, ({ bufferOffset }) => {
    if (!Number.isSafeInteger(bufferOffset)) throw new Error('has no place in its buffer');
  }),
];

/** Checks every property for a part of the time. Throws fast-check's report of the first that is violated. */
export async function fuzzParsers(
  seconds: number,
  seed: number,
  report: (line: string) => void = () => {},
): Promise<void> {
  for (const { name, check } of properties) {
    let runs = 0;
    await check({
      seed,
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: (seconds * 1_000) / properties.length,
      markInterruptAsFailure: false,
      reporter: (details) => {
        runs = details.numRuns;
        if (!details.failed) return;
        const cause = details.errorInstance;
        throw new Error(`${name}: ${String(cause)}\n${fc.defaultReportMessage(details)}`, { cause });
      },
    });
    report(`${name}: ${runs} inputs`);
  }
}
