// A thread that reports, once each time, where the main thread is when its event loop has not turned for long. Nothing else can:
// what watches from the event loop is stuck with it.

import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';

const { shared, stuckMs } = workerData;
/** When the event loop turned last, in nanoseconds. */
const turned = new BigInt64Array(shared);
const everyMs = 500;
/** The wait for the next JavaScript that the main thread runs; there is none if it is in native code. */
const pauseMs = 3_000;

for (let reported = 0n; ; await sleep(everyMs)) {
  const last = Atomics.load(turned, 0);
  const lateMs = Number(process.hrtime.bigint() - last) / 1e6;
  if (lateMs < stuckMs || last === reported) continue;
  reported = last;
  // Not by process.stderr, which is written by the main thread.
  writeSync(2, `The event loop has not turned for ${lateMs.toFixed(0)} ms. Threads:\n${threads()}\n`);
  writeSync(2, `JavaScript:\n${(await javaScript()).join('\n')}\n`);
}

/** Whether each thread runs, or which system call it is in. */
function threads() {
  return readdirSync('/proc/self/task')
    .map((id) => {
      const read = (/** @type {string} */ name) => {
        try {
          return readFileSync(`/proc/self/task/${id}/${name}`, 'utf8').trim();
        } catch (error) {
          return String(error);
        }
      };
      const [, state] = /^State:\s+(.*)$/m.exec(read('status')) ?? [];
      return `${id} ${read('comm')}: ${state}, ${read('schedstat')}, ${read('syscall').split(' ')[0]} ${read('wchan')}\n${read('stack')}`;
    })
    .join('\n');
}

/** The main thread's frames, innermost first. */
async function javaScript() {
  const session = new Session();
  session.connectToMainThread();
  const post = (/** @type {string} */ method) =>
    new Promise((resolve) => session.post(method, () => resolve(undefined)));
  const frames = new Promise((resolve) => {
    session.on('Debugger.paused', ({ params }) => {
      resolve(
        params.callFrames.map(
          ({ functionName, url, location }) =>
            `  at ${functionName || '(anonymous)'} (${url}:${location.lineNumber + 1}:${(location.columnNumber ?? 0) + 1})`,
        ),
      );
    });
  });
  void post('Debugger.enable');
  void post('Debugger.pause');
  const found = await Promise.race([
    frames,
    sleep(pauseMs, ['  none: it is in native code, or in a system call']),
  ]);
  void post('Debugger.resume');
  session.disconnect();
  return found;
}
