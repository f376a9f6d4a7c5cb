// The verb that lists subsystems and their paths, as nvme-cli does.

import type { Command } from 'commander';
import type { AdminOptions, AttachAllReport, Controller, DiscoveryEntry } from 'spdk-nvme';
import {
  addTargetOptions,
  attachOptionsOf,
  serviceOf,
  withPortHint,
} from '../engine/options/target-options.js';
import { explain } from '../engine/process/exit.js';
import {
  addSessionOptions,
  detachNow,
  type SessionOptions,
  withEnvironment,
} from '../engine/target/session.js';
import { anaText } from '../engine/terminal/ana.js';
import { coloredState } from '../engine/terminal/color.js';
import { addOutputOption, type OutputOptions, print } from '../engine/terminal/output.js';
import { anaLogBytes, anaPage, decodeAnaLog, reportsAna } from '../nvme/logs.js';

interface Given extends SessionOptions, OutputOptions {}

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
  ).action(async (given: Given) => {
    // Here --nqn selects subsystems, and does not name the service.
    const { nqn = [], ...target } = given;
    const service = serviceOf(target);
    const wanted = ({ subsystemNqn }: DiscoveryEntry) => nqn.length === 0 || nqn.includes(subsystemNqn);
    process.exitCode = await withEnvironment(given, async (environment, stop) => {
      const options = { ...attachOptionsOf(given), signal: stop.signal, filter: wanted };
      const report = await withPortHint(given, environment.attachAll(service, options));
      const ana = await readAllAna(report.attached, options);
      stop.signal.throwIfAborted();
      const subsystems = subsystemsOf(report, wanted, ana.states);
      const controllers = report.attached.map(({ controller }) => controller);
      const [{ hostNqn = '', hostId = '' } = {}] = controllers;
      await Promise.all(controllers.map((controller) => detachNow(controller, stop, given.timeout)));
      print(given.outputFormat, { HostNQN: hostNqn, HostID: hostId, Subsystems: subsystems }, () =>
        subsystems.map(asText).join('\n'),
      );
      const failed = [...report.failed, ...ana.failed];
      for (const { entry, error } of failed) {
        process.stderr.write(`spdk-nvme: ${entry.subsystemNqn} at ${addressOf(entry)}: ${explain(error)}\n`);
      }
      const unknown = nqn.filter((name) => !subsystems.some(({ NQN }) => NQN === name));
      for (const name of unknown) process.stderr.write(`spdk-nvme: ${name} is not in the discovery log\n`);
      return failed.length + unknown.length > 0 ? 1 : 0;
    });
  });
}

type AnaStates = ReadonlyMap<Controller, PathRow['ANA']>;

/** Reads the ANA states of the controllers that report them, as far as they respond. */
async function readAllAna(
  attached: AttachAllReport['attached'],
  limits: AdminOptions,
): Promise<{ readonly states: AnaStates; readonly failed: AttachAllReport['failed'] }> {
  const states = new Map<Controller, PathRow['ANA']>();
  const failed: { entry: DiscoveryEntry; error: Error }[] = [];
  await Promise.all(
    attached.map(async ({ entry, controller }) => {
      try {
        states.set(controller, await readAna(controller, limits));
      } catch (error) {
        failed.push({ entry, error: error as Error });
      }
    }),
  );
  return { states, failed };
}

async function readAna({ admin }: Controller, { timeoutMs, signal }: AdminOptions): Promise<PathRow['ANA']> {
  const idCtrl = await admin.identify(1, 0, { timeoutMs, signal });
  if (!reportsAna(idCtrl)) return undefined;
  const page = await admin.logPage(anaPage, anaLogBytes(idCtrl), undefined, { timeoutMs, signal });
  return decodeAnaLog(page)
    .flatMap(({ nsids, state }) => nsids.map((namespace) => ({ namespace, state })))
    .sort((a, b) => a.namespace - b.namespace);
}

/** Paths by subsystem. Entries that the report skips are no paths, but for addresses that cannot be tried. */
function subsystemsOf(
  { attached, failed, skipped }: AttachAllReport,
  wanted: (entry: DiscoveryEntry) => boolean,
  ana: AnaStates,
): SubsystemRow[] {
  const untried = skipped.filter(
    ({ entry, reason }) => wanted(entry) && !['not-nvm', 'filter', 'duplicate'].includes(reason),
  );
  const states = [
    ...attached.map(({ entry, controller }) => ({ entry, state: 'live', states: ana.get(controller) })),
    ...failed.map(({ entry, error }) => ({
      entry,
      state: (error as NodeJS.ErrnoException).code ?? 'failed',
      states: undefined,
    })),
    ...untried.map(({ entry, reason }) => ({ entry, state: reason, states: undefined })),
  ];
  const byName = new Map<string, PathRow[]>();
  for (const { entry, state, states: ANA } of states) {
    const paths = byName.get(entry.subsystemNqn) ?? [];
    byName.set(entry.subsystemNqn, paths);
    paths.push({ Transport: entry.transport, Address: addressOf(entry), State: state, ...(ANA && { ANA }) });
  }
  return [...byName]
    .map(([NQN, Paths]) => ({ NQN, Paths: Paths.sort((a, b) => a.Address.localeCompare(b.Address)) }))
    .sort((a, b) => a.NQN.localeCompare(b.NQN));
}

function addressOf({ address, service }: DiscoveryEntry): string {
  return `traddr=${address},trsvcid=${service}`;
}

/** nvme-cli's tree. */
function asText({ NQN, Paths }: SubsystemRow): string {
  const lines = Paths.map(({ Transport, Address, State, ANA = [] }) =>
    ` +- ${Transport} ${Address} ${coloredState(State)} ${anaText(ANA)}`.trimEnd(),
  );
  return [`NQN=${NQN}`, '\\', ...lines].join('\n');
}
