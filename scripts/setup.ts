// Makes a checkout ready: scripts/checkout.ts lists the steps. Every step first checks whether it has anything to do; if none
// has, nothing is started and only one line is printed.
import os from 'node:os';
import { Listr, type ListrTaskWrapper } from 'listr2';
import { steps } from './checkout.js';
import { withLock } from './setup/lock.js';
import { cacheRoot, root } from './setup/paths.js';
import { stopProcesses } from './setup/processes.js';
import { SetupError, type Step } from './setup/step.js';

const quiet = process.argv.includes('--quiet');
const onTerminal = process.stdout.isTTY === true && !process.env.CI;
let stoppedBy: NodeJS.Signals | undefined;

async function allUpToDate(): Promise<boolean> {
  for (const step of steps) {
    if (!(await step.upToDate())) return false;
  }
  return true;
}

// biome-ignore lint/suspicious/noExplicitAny: listr2's renderers are type parameters that do not matter here.
type AnyTask = ListrTaskWrapper<any, any, any>;

async function runStep(step: Step, task?: AnyTask): Promise<void> {
  const say = (line: string) => {
    if (task) task.output = line;
    else console.log(`  ${line}`);
  };
  const progress = (line: string) => {
    if (task && line !== '') task.output = line;
  };
  await step.run({ report: say, progress });
}

/** Shows the steps on a terminal, as a list that changes in place. */
async function runOnTerminal(): Promise<void> {
  const tasks = steps.map((step) => ({
    title: step.title,
    skip: () => step.upToDate(),
    rendererOptions: { outputBar: 1 },
    task: (_: unknown, task: AnyTask) => runStep(step, task),
  }));
  const options = { registerSignalListeners: false, collectErrors: false as const, concurrent: false };
  await new Listr(tasks, { ...options, rendererOptions: { showErrorMessage: false } }).run();
}

/** Shows the steps elsewhere, as plain lines. */
async function runPlainly(): Promise<void> {
  for (const step of steps) {
    if (await step.upToDate()) continue;
    console.log(`${step.title}:`);
    const start = performance.now();
    await runStep(step);
    console.log(`  done in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  }
}

async function main(): Promise<number> {
  if (await allUpToDate()) {
    if (!quiet) console.log('Everything is set up.');
    return 0;
  }
  try {
    const work = onTerminal ? runOnTerminal : runPlainly;
    await withLock([cacheRoot, `${root}/scripts`], work, () =>
      console.log('Another set-up is running; waiting for it to finish…'),
    );
    return 0;
  } catch (error) {
    if (stoppedBy) return 128 + os.constants.signals[stoppedBy];
    console.error(`\nSet-up failed: ${describe(error)}`);
    return 1;
  }
}

function describe(error: unknown): string {
  if (error instanceof SetupError || (error instanceof Error && error.name === 'FabricError'))
    return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    const status = 128 + os.constants.signals[signal];
    if (stoppedBy) process.exit(status);
    stoppedBy = signal;
    console.error('\nStopping the set-up and removing unfinished files (press again to stop immediately)…');
    stopProcesses();
    // Does not wait for anything that has not ended by itself.
    setTimeout(() => process.exit(status), 30_000).unref();
  });
}

process.exitCode = await main();
