// The verb that lists subsystems and their paths, as nvme-cli does.

import type { Command } from 'commander';
import type { AdminOptions, Controller } from 'spdk-nvme';
import {
  addReferralsOption,
  addTargetOptions,
  selectedOf,
  serviceOf,
} from '../engine/options/target-options.js';
import { ownCode } from '../engine/process/exit.js';
import { addressOf, type Listed, lookAtListed, reportFailures } from '../engine/target/listed.js';
import { addSessionOptions, type SessionOptions, withEnvironment } from '../engine/target/session.js';
import { anaText } from '../engine/terminal/ana.js';
import { coloredState } from '../engine/terminal/color.js';
import { addOutputOption, type OutputOptions, print } from '../engine/terminal/output.js';
import { anaLogBytes, anaPage, decodeAnaLog, reportsAna } from '../nvme/logs.js';

interface Given extends SessionOptions, OutputOptions {
  readonly referrals: number;
}

/** As nvme-cli has it; `State` is `live`, or why there is no controller on this path. */
interface PathRow {
  readonly Transport: string;
  readonly Address: string;
  readonly State: string;
  /** The ANA state of each namespace on this path; missing if its controller reports none. */
  readonly ANA?: readonly { readonly namespace: number; readonly state: string }[];
}
interface SubsystemRow {
  readonly NQN: string;
  readonly Paths: PathRow[];
}

export function addListSubsystems(program: Command): void {
  const command = program
    .command('list-subsys')
    .description(
      'List the subsystems in the discovery log of a target and the paths to each, and test every path. --nqn selects subsystems.',
    );
  addOutputOption(
    addSessionOptions(
      addTargetOptions(command, {
        discovery: true,
        nqnHelp: 'show only this subsystem; may be given several times',
      }),
    ),
  );
  addReferralsOption(command).action(async (given: Given) => {
    // Here --nqn selects subsystems, and does not name the service.
    const { nqn: _, ...target } = given;
    const selected = selectedOf(given);
    const service = serviceOf(target);
    const limits = { timeoutMs: given.timeout };
    process.exitCode = await withEnvironment(given, async (environment, stop) => {
      const { signal } = stop;
      let host = { HostNQN: '', HostID: '' };
      const listed = await lookAtListed(environment, service, given, stop, {
        wanted: ({ subsystemNqn }) => selected.length === 0 || selected.includes(subsystemNqn),
        onePath: false,
        look: (controller) => {
          host = { HostNQN: controller.hostNqn, HostID: controller.hostId };
          return readAna(controller, { ...limits, signal });
        },
      });
      const Subsystems = subsystemsOf(listed);
      print(given.outputFormat, { ...host, Subsystems }, () => Subsystems.map(asText).join('\n'));
      const failures = reportFailures(listed);
      const unknown = selected.filter((name) => !Subsystems.some(({ NQN }) => NQN === name));
      for (const name of unknown) process.stderr.write(`spdk-nvme: ${name} is not in the discovery log\n`);
      return failures + unknown.length > 0 ? 1 : 0;
    });
  });
}

async function readAna({ admin }: Controller, { timeoutMs, signal }: AdminOptions): Promise<PathRow['ANA']> {
  const idCtrl = await admin.identify(1, 0, { timeoutMs, signal });
  if (!reportsAna(idCtrl)) return undefined;
  const page = await admin.logPage(anaPage, anaLogBytes(idCtrl), undefined, { timeoutMs, signal });
  return decodeAnaLog(page)
    .flatMap(({ nsids, state }) => nsids.map((namespace) => ({ namespace, state })))
    .sort((a, b) => a.namespace - b.namespace);
}

/** Paths by subsystem, also those that cannot be tried. */
function subsystemsOf({ attached, failed, untried }: Listed<PathRow['ANA']>): SubsystemRow[] {
  const states = [
    ...attached.map(({ entry, found }) => ({ entry, state: 'live', ana: found })),
    ...failed.map(({ entry, error }) => ({ entry, state: ownCode(error) ?? 'failed', ana: undefined })),
    ...untried.map(({ entry, reason }) => ({ entry, state: reason, ana: undefined })),
  ];
  const byName = new Map<string, PathRow[]>();
  for (const { entry, state, ana: ANA } of states) {
    const paths = byName.get(entry.subsystemNqn) ?? [];
    byName.set(entry.subsystemNqn, paths);
    paths.push({ Transport: entry.transport, Address: addressOf(entry), State: state, ...(ANA && { ANA }) });
  }
  return [...byName]
    .map(([NQN, Paths]) => ({ NQN, Paths: Paths.sort((a, b) => a.Address.localeCompare(b.Address)) }))
    .sort((a, b) => a.NQN.localeCompare(b.NQN));
}

/** nvme-cli's tree. */
function asText({ NQN, Paths }: SubsystemRow): string {
  const lines = Paths.map(({ Transport, Address, State, ANA = [] }) =>
    ` +- ${Transport} ${Address} ${coloredState(State)} ${anaText(ANA)}`.trimEnd(),
  );
  return [`NQN=${NQN}`, '\\', ...lines].join('\n');
}
