// The verb that checks this machine and, if one is named, a target.

import type { Command } from 'commander';
import type { TransportId } from 'spdk-nvme';
import { type Finding, failure } from '../checks/finding.js';
import { checkIdentity } from '../checks/identity.js';
import { checkFileSize, checkMounts, checkSeccomp, checkSocketBuffers } from '../checks/kernel.js';
import { Machine } from '../checks/machine.js';
import {
  checkAddressSpace,
  checkHugepages,
  checkMemlock,
  checkMemoryLimit,
  checkOpenFiles,
  checkThreads,
  defaultMemory,
} from '../checks/memory.js';
import { checkRdma } from '../checks/rdma.js';
import { checkAddon, checkNode } from '../checks/software.js';
import { checkController, checkDiscovery, checkPort, checkRoute, ofError } from '../checks/target.js';
import { keysOf } from '../engine/options/key-options.js';
import { addTargetOptions, targetOf } from '../engine/options/target-options.js';
import { explain } from '../engine/process/exit.js';
import { lookUpTarget } from '../engine/target/host-name.js';
import { addSessionOptions, type SessionOptions, withEnvironment } from '../engine/target/session.js';
import { colored } from '../engine/terminal/color.js';
import { addOutputOption, type OutputOptions, print } from '../engine/terminal/output.js';

interface Given extends SessionOptions, OutputOptions {}

const marks = {
  ok: { mood: 'good', word: 'ok     ' },
  warning: { mood: 'doubtful', word: 'warning' },
  failure: { mood: 'bad', word: 'FAILURE' },
} as const;

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'Check this machine and print the command that fixes each problem; with a target, also connect to it. Exit ' +
        'status 0 if nothing required is missing.',
    );
  addOutputOption(addSessionOptions(addTargetOptions(command))).action(async (_: Given, doctor: Command) => {
    const unnamed = await checkName(doctor);
    const given = doctor.opts<Given>();
    const id = namesTarget(given, doctor) && unnamed.length === 0 ? targetOf(given) : undefined;
    const forRdma = given.transport === 'rdma' || id?.trtype === 'RDMA';
    const machine = new Machine();
    const memory = given.memory * 2 ** 20;
    const findings = [
      await checkNode(),
      ...checkAddon(),
      ...checkMounts(machine),
      ...checkSeccomp(machine),
      ...checkFileSize(machine, memory, defaultMemory),
      ...checkHugepages(machine, memory),
      ...checkMemoryLimit(machine),
      checkMemlock(machine, forRdma),
      checkAddressSpace(machine),
      checkOpenFiles(machine, memory),
      checkThreads(machine),
      ...checkRdma(machine, forRdma),
      ...(id?.trtype === 'TCP' ? checkSocketBuffers(machine) : []),
      checkIdentity(machine, given),
      ...unnamed,
    ];
    let status = 0;
    if (id) status = await examineTarget(id, given, findings);
    print(given.outputFormat, { findings }, () => findings.map(asText).join('\n'));
    process.exitCode = status || (findings.some(({ level }) => level === 'failure') ? 1 : 0);
  });
}

/** Puts an address into the place of the target's name; a failure if it has none. */
async function checkName(doctor: Command): Promise<Finding[]> {
  const { traddr } = doctor.opts<Given>();
  try {
    await lookUpTarget(doctor);
    return [];
  } catch (error) {
    return [failure('name', explain(error), `getent ahosts ${traddr}`)];
  }
}

/** Whether an option is of use only with a target: then there must be a whole one. */
function namesTarget(given: Given, doctor: Command): boolean {
  const { transport, traddr, trsvcid, nqn, transportId, hostTraddr, keepAliveTmo } = given;
  const keys = Object.values(keysOf(given));
  if (['timeout', 'verbose'].some((name) => doctor.getOptionValueSource(name) === 'cli')) return true;
  return [transport, traddr, trsvcid, nqn, transportId, hostTraddr, keepAliveTmo, ...keys].some(
    (value) => value !== undefined,
  );
}

/** Adds the results of the target. Returns an exit status if a signal ended the check. */
async function examineTarget(id: TransportId, given: Given, findings: Finding[]): Promise<number> {
  findings.push(await checkRoute(id, given.hostTraddr));
  const port = await checkPort(id, given);
  if (port) findings.push(port);
  if (findings.some(({ level }) => level === 'failure')) return 0;
  try {
    return await withEnvironment(given, async (environment, stop) => {
      findings.push(await checkDiscovery(environment, id, given, stop.signal));
      findings.push(...(await checkController(environment, id, given, stop)));
      return 0;
    });
  } catch (error) {
    findings.push(ofError(failure, 'environment', error, 'npx spdk-nvme advisories'));
    return 0;
  }
}

function asText({ check, level, text, remedy, ms }: Finding): string {
  const { mood, word } = marks[level];
  const time = ms === undefined ? '' : ` (${ms} ms)`;
  return `${colored(mood, word)} ${check}: ${text}${time}${remedy ? `\n        → ${remedy}` : ''}`;
}
