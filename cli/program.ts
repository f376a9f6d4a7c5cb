// The verbs of the command line, put together.

import { Command, CommanderError } from 'commander';
import { addAdvisories } from './commands/advisories.js';
import { addBuild } from './commands/build.js';
import { addCopy } from './commands/copy.js';
import { addDiscover } from './commands/discover.js';
import { addDoctor } from './commands/doctor.js';
import { addGetFeature } from './commands/get-feature.js';
import { addIdentify } from './commands/identify.js';
import { addIo } from './commands/io.js';
import { addList } from './commands/list.js';
import { addListSubsystems } from './commands/list-subsys.js';
import { addLogs } from './commands/logs.js';
import { addManagement } from './commands/management.js';
import { addPassthru } from './commands/passthru.js';
import { addPerf } from './commands/perf.js';
import { addStress } from './commands/stress.js';
import { addTop } from './commands/top.js';
import { addZones } from './commands/zones.js';
import { addExamples, usageMessage } from './engine/options/examples.js';
import { keyError, withoutKeys } from './engine/options/key-options.js';
import { checkValues } from './engine/options/values.js';
import { explain, messageOf, ownCode, statusOfError, UsageError } from './engine/process/exit.js';
import { packageVersion } from './engine/process/package.js';
import { lookUpTarget } from './engine/target/host-name.js';
import { helpSettings } from './engine/terminal/help.js';
import { beginOutput, type OutputOptions, printError } from './engine/terminal/output.js';

/** Where the help text and errors go; tests collect them. */
export interface Output {
  writeOut(text: string): void;
  writeErr(text: string): void;
}

const processOutput: Output = {
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
};

/** The command line with all of its verbs. */
export function makeProgram(output: Output = processOutput): Command {
  const program = new Command('spdk-nvme')
    .description('NVMe over fabrics with SPDK: inspect targets, read, write, measure and stress them.')
    .version(packageVersion, '--version', 'print the version of the package; doctor shows that of SPDK')
    .configureOutput(output)
    .configureHelp(helpSettings)
    .exitOverride();
  addDoctor(program);
  addBuild(program);
  addDiscover(program);
  addList(program);
  addListSubsystems(program);
  addIdentify(program);
  addLogs(program);
  addGetFeature(program);
  addIo(program);
  addCopy(program);
  addZones(program);
  addManagement(program);
  addPassthru(program);
  addPerf(program);
  addAdvisories(program);
  addStress(program);
  addTop(program);
  addExamples(program);
  for (const command of [program, ...program.commands]) {
    checkValues(command);
    const verb = command === program ? '' : command.name();
    command.configureOutput({ ...output, outputError: (text) => output.writeErr(usageMessage(text, verb)) });
  }
  // Commander writes the whole help there when there is no verb, or one that it cannot explain.
  program.configureOutput({ writeErr: () => output.writeErr(usageMessage(verbProblem(program.args), '')) });
  return program;
}

function verbProblem([help, verb]: readonly string[]): string {
  return help === undefined || verb === undefined ? 'a verb is missing' : `there is no verb '${verb}'`;
}

/** Runs one command line and gives the exit status. */
export async function run(args: readonly string[], output: Output = processOutput): Promise<number> {
  process.exitCode = 0;
  const program = makeProgram(output);
  let verb = '';
  let asJson = false;
  program.hook('preAction', async (_, command) => {
    verb = command.name();
    asJson = command.opts<Partial<OutputOptions>>().outputFormat === 'json';
    beginOutput();
    // The doctor reports a name without an address beside the rest.
    if (verb !== 'doctor') await lookUpTarget(command);
  });
  try {
    await program.parseAsync(joinedVerb(args), { from: 'user' });
  } catch (thrown) {
    const error = keyError(thrown) ?? argumentError(thrown) ?? thrown;
    if (error instanceof UsageError) output.writeErr(usageMessage(error.message, verb));
    // Commander has written its errors by itself.
    else if (!(error instanceof CommanderError)) {
      output.writeErr(`spdk-nvme: ${withoutKeys(explain(error))}\n`);
      if (asJson) printError(described(error));
    }
    return statusOfError(error);
  }
  return Number(process.exitCode ?? 0);
}

/** What the package rejected before it sent anything. The command line cannot know it, because it depends on the controller. */
function argumentError(error: unknown): UsageError | undefined {
  const code = ownCode(error);
  const rejected = code === 'ERR_SPDK_INVALID_ARG_VALUE' || code === 'ERR_SPDK_UNALIGNED';
  return rejected ? new UsageError(messageOf(error)) : undefined;
}

/** A failure for a program; the code of a failure of the command line itself is null. */
function described(error: unknown) {
  return {
    code: ownCode(error) ?? null,
    message: withoutKeys(messageOf(error)),
    exitStatus: statusOfError(error),
  };
}

/** Joins the verbs for zones, which are two words in nvme-cli. */
export function joinedVerb(words: readonly string[]): string[] {
  const [first, second = '', ...others] = words;
  return first === 'zns' && /^[a-z]/.test(second) ? [`zns-${second}`, ...others] : [...words];
}
