// Calls every function of the native addon with arbitrary values for some time, in a process of its own, because a
// crash ends it. Takes a ChildTask as JSON. The file that the task names always contains the current call.
import { openSync, writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { isSpdkErrorCode } from '../../lib/errors/catalogue.js';
import type { NativeFailure } from '../../lib/errors/spdk-error.js';
import { native } from '../../lib/native/addon.js';
import type { NativeController, NativeEnvironment, NativeQueuePair } from '../../lib/native/contract.js';
import { Random } from '../testing/random.js';
import type { ChildTask } from './native.js';
import { anyRequest, anyValue } from './native-values.js';

const task = JSON.parse(process.argv[2] ?? '') as ChildTask;
const random = new Random(task.seed);
const addon = native();
const pool = new addon.BufferPool();
const journal = openSync(task.journal, 'w');
const journalBytes = 200;

let calls = 0;
let rejected = 0;
let attached = 0;

/** The objects on which methods are called: real ones, ones that were only constructed, and others. */
interface Things {
  environment: NativeEnvironment;
  controllers: NativeController[];
  queuePairs: NativeQueuePair[];
}

function open(): Promise<NativeEnvironment> {
  return new Promise((resolve, reject) => {
    addon.open({
      name: 'fuzz',
      memoryMb: 64,
      pollers: 1,
      memoryRequired: true,
      alwaysSpin: false,
      idleSleepUs: 100,
      connectConcurrency: 4,
      logLevel: 0,
      onLog: () => {},
      opened: (failure, environment) =>
        environment ? resolve(environment) : reject(new Error(failure?.message ?? 'no reason')),
    });
  });
}

const none = new Uint8Array(0);
const noKeys = {
  ...{ dhchapKey: none, dhchapControllerKey: none, tlsPsk: none },
  ...{ dhchapDigests: 0, dhchapGroups: 0 },
};

/** Attaches to the target, if possible: the same controller may be being detached. */
async function attach(things: Things): Promise<void> {
  const id = random.pick(task.transportIds);
  let controller: NativeController | null = null;
  const request = { ...anyRequest(random, 0, 0), transportId: id, timeoutMs: 1_000 };
  const failure = await new Promise<NativeFailure | null>((resolve) => {
    controller = things.environment.attach({
      ...(request as Parameters<NativeEnvironment['attach']>[0]),
      hostNqn: '',
      hostId: '',
      sourceAddress: '',
      sourcePort: '',
      queueDepth: 16,
      polling: random.pick(['threads', 'inline', 'adaptive'] as const),
      // Not every release takes these options.
      ...{ transportAckTimeout: 0, transportRetryCount: 0, tos: 0, keys: noKeys },
      // The target's subsystems are no discovery services.
      discovery: false,
      attached: resolve,
    });
    // Added immediately, because calls during the attach have to be safe, too.
    if (controller) things.controllers.push(controller);
  });
  if (failure?.code === 'ERR_SPDK_ENV_CLOSED') {
    // A close was accepted, but may not have ended yet.
    await open().then(
      (environment) => {
        things.environment = environment;
      },
      () => {},
    );
    return;
  }
  if (!controller || failure) {
    // The same controller is attached already: it is detached, so that it can be attached again.
    if (things.controllers.length > 0)
      random.pick(things.controllers).detach({
        drainMs: random.below(20),
        timeoutMs: 500,
        reportStates: random.below(2) === 0,
        done: () => {},
      });
    return;
  }
  attached += 1;
  things.queuePairs.push(...(controller as NativeController).queuePairs());
}

function note(what: string): void {
  writeSync(journal, `${calls} ${what}`.slice(0, journalBytes - 1).padEnd(journalBytes), 0);
}

/** Makes one call. It may throw only errors, and an error of the package must have a code of the catalogue. */
function call(receiver: object, name: string, args: unknown[], object: object): void {
  calls += 1;
  note(`${receiver.constructor?.name}.${name} on ${object.constructor?.name}, ${args.length} arguments`);
  try {
    (receiver as Record<string, (...values: unknown[]) => unknown>)[name]?.apply(object, args);
  } catch (error) {
    rejected += 1;
    if (!(error instanceof Error)) throw new Error(`${name} threw ${typeof error}`);
    const code = (error as { code?: unknown }).code;
    if (String(code).startsWith('ERR_SPDK') && !isSpdkErrorCode(code)) throw error;
  }
}

/** Writes random words into a ring and publishes a random tail: native code must not rely on them. */
function scribble(queuePair: NativeQueuePair): void {
  const words = new Uint32Array(queuePair.memory());
  for (let i = 0; i < 64; i++) {
    words[random.below(words.length)] = random.pick([
      random.below(16),
      random.below(300),
      random.below(2 ** 32),
    ]);
  }
  words[0] = 0; // pending: a detach would wait for it
}

const methods = (object: object): string[] =>
  Object.getOwnPropertyNames(Object.getPrototypeOf(object)).filter((name) => name !== 'constructor');

function step(things: Things): void {
  const { environment, controllers, queuePairs } = things;
  const kinds = [environment, random.pick(controllers), random.pick(queuePairs), pool].filter(Boolean);
  const object = random.pick(kinds) as object;
  if (random.below(20) === 0) {
    const name = random.pick(['open', 'readKernelKey', 'guards']);
    if (name === 'guards') {
      const data = random.pick([new Uint8Array(random.below(1_024)), anyValue(random)]);
      const length = () => random.pick<unknown>([random.below(64), anyValue(random)]);
      call(addon, name, [data, length(), length()], addon);
      return;
    }
    call(addon, name, [random.below(2) === 0 ? anyRequest(random) : anyValue(random)], addon);
    return;
  }
  if (random.below(20) === 0 && queuePairs.length > 0) {
    scribble(random.pick(queuePairs));
    return;
  }
  const name = random.pick(methods(object));
  const args = Array.from({ length: random.below(3) }, () =>
    random.below(2) === 0 ? anyRequest(random) : anyValue(random),
  );
  let receiver = object;
  if (random.below(10) === 0) {
    // A wrong receiver: an object of JavaScript, of another class, or no object.
    receiver = random.pick<() => object>([
      () => new (object.constructor as new (...values: unknown[]) => object)(...args),
      () => random.pick(kinds) as object,
      () => Object.create(Object.getPrototypeOf(object)) as object,
      () => ({}),
    ])();
  }
  // A close that succeeds ends this environment. It is rare, so that there is something to call.
  if (name === 'close' && random.below(50) !== 0) return;
  call(object, name, args, receiver);
}

async function main(): Promise<void> {
  // Native code does not keep the event loop alive.
  setInterval(() => {}, 1_000);
  const end = performance.now() + task.seconds * 1_000;
  const things: Things = { environment: await open(), controllers: [], queuePairs: [] };
  let nextAttach = 0;
  while (performance.now() < end) {
    if (performance.now() >= nextAttach) {
      things.controllers.splice(0, Math.max(0, things.controllers.length - 8));
      things.queuePairs.splice(0, Math.max(0, things.queuePairs.length - 8));
      await attach(things);
      nextAttach = performance.now() + 100;
    }
    for (let i = 0; i < 50; i++) step(things);
    await turn();
  }
  process.stdout.write(`${JSON.stringify({ calls, rejected, attached })}\n`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).stack ?? error}\n`);
    process.exit(1);
  },
);
