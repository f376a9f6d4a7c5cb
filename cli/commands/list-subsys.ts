import type { Command } from 'commander';
import type { AttachAllReport, DiscoveryEntry } from 'spdk-nvme';
import { explain } from '../engine/exit.js';
import { addOutputOption, type OutputOptions, print } from '../engine/output.js';
import { addSessionOptions, detachNow, type SessionOptions, withEnvironment } from '../engine/session.js';
import { addTargetOptions, attachOptionsOf, serviceOf } from '../engine/target-options.js';

interface Given extends SessionOptions, OutputOptions {}

/** As nvme-cli has it; `State` is `live`, or why there is no controller on this path. */
interface PathRow {
  readonly Transport: string;
  readonly Address: string;
  readonly State: string;
}
interface SubsystemRow {
  readonly NQN: string;
  readonly Paths: PathRow[];
}

export function addListSubsystems(program: Command): void {
  const command = program
    .command('list-subsys')
    .description(
      'List the subsystems in the discovery log of a target, with the paths to each. Every path is tried. With --nqn: that subsystem.',
    );
  addOutputOption(addSessionOptions(addTargetOptions(command, { discovery: true }))).action(
    async (given: Given) => {
      // Here --nqn names what is looked for, not the service.
      const { nqn = [], ...place } = given;
      const service = serviceOf(place);
      const wanted = ({ subsystemNqn }: DiscoveryEntry) => nqn.length === 0 || nqn.includes(subsystemNqn);
      process.exitCode = await withEnvironment(given, async (environment, stop) => {
        const options = { ...attachOptionsOf(given), signal: stop.signal, filter: wanted };
        const report = await environment.attachAll(service, options);
        const subsystems = subsystemsOf(report, wanted);
        const controllers = report.attached.map(({ controller }) => controller);
        const [{ hostNqn = '', hostId = '' } = {}] = controllers;
        await Promise.all(controllers.map((controller) => detachNow(controller, stop)));
        print(given.outputFormat, { HostNQN: hostNqn, HostID: hostId, Subsystems: subsystems }, () =>
          subsystems.map(asText).join('\n'),
        );
        for (const { entry, error } of report.failed) {
          process.stderr.write(
            `spdk-nvme: ${entry.subsystemNqn} at ${addressOf(entry)}: ${explain(error)}\n`,
          );
        }
        const unknown = nqn.filter((name) => !subsystems.some(({ NQN }) => NQN === name));
        for (const name of unknown) process.stderr.write(`spdk-nvme: ${name} is not in the discovery log\n`);
        return report.failed.length + unknown.length > 0 ? 1 : 0;
      });
    },
  );
}

/** Paths by subsystem. Entries that the report skips are no paths, but for those that cannot be tried. */
function subsystemsOf(
  { attached, failed, skipped }: AttachAllReport,
  wanted: (entry: DiscoveryEntry) => boolean,
): SubsystemRow[] {
  const untried = skipped.filter(
    ({ entry, reason }) => wanted(entry) && !['not-nvm', 'filter', 'duplicate'].includes(reason),
  );
  const states = [
    ...attached.map(({ entry }) => ({ entry, state: 'live' })),
    ...failed.map(({ entry, error }) => ({
      entry,
      state: (error as NodeJS.ErrnoException).code ?? 'failed',
    })),
    ...untried.map(({ entry, reason }) => ({ entry, state: reason })),
  ];
  const byName = new Map<string, PathRow[]>();
  for (const { entry, state } of states) {
    const paths = byName.get(entry.subsystemNqn) ?? [];
    byName.set(entry.subsystemNqn, paths);
    paths.push({ Transport: entry.transport, Address: addressOf(entry), State: state });
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
  const lines = Paths.map(({ Transport, Address, State }) => ` +- ${Transport} ${Address} ${State}`);
  return [`NQN=${NQN}`, '\\', ...lines].join('\n');
}
