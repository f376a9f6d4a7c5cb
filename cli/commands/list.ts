// The verb that lists controllers and their namespaces, as nvme-cli does.

import type { Command } from 'commander';
import {
  type Controller,
  type DiscoveryEntry,
  type Environment,
  formatTransportId,
  type SkipReason,
  type TransportId,
} from 'spdk-nvme';
import { keyError } from '../engine/options/key-options.js';
import { formatBytes } from '../engine/options/numbers.js';
import {
  addReferralsOption,
  addTargetOptions,
  attachOptionsOf,
  targetsOrServiceOf,
} from '../engine/options/target-options.js';
import { explain, UsageError } from '../engine/process/exit.js';
import type { StopSignal } from '../engine/process/stop.js';
import { lookAtListed, reportEntry, reportFailures } from '../engine/target/listed.js';
import {
  addSessionOptions,
  detachNow,
  type SessionOptions,
  withEnvironment,
} from '../engine/target/session.js';
import { addOutputOption, type OutputOptions, print } from '../engine/terminal/output.js';
import { table } from '../engine/terminal/show.js';

interface Given extends SessionOptions, OutputOptions {
  readonly referrals: number;
}

/** A controller, with the fields of nvme-cli's `list`. */
interface ControllerRow {
  readonly SubsystemNQN: string;
  readonly Transport: string;
  readonly Address: string;
  readonly ModelNumber: string;
  readonly SerialNumber: string;
  readonly Firmware: string;
}

/** One namespace of a controller. */
interface NamespaceRow extends ControllerRow {
  readonly NameSpace: number;
  readonly PhysicalSize: number;
  readonly SectorSize: number;
}

interface Row {
  readonly controller: ControllerRow;
  readonly namespaces: readonly NamespaceRow[];
}

/** What was found, and whether something failed. */
interface Found {
  readonly rows: readonly Row[];
  readonly failed: boolean;
}

export function addList(program: Command): void {
  const command = program
    .command('list')
    .description(
      'List controllers and their namespaces: those that --nqn names, or without --nqn those in the discovery log of ' +
        'the target, each subsystem once.',
    );
  addOutputOption(addSessionOptions(addTargetOptions(command, { several: true, listed: true })));
  addReferralsOption(command).action(async (given: Given) => {
    const asked = targetsOrServiceOf(given);
    if ('targets' in asked && given.referrals > 0)
      throw new UsageError('--referrals is for a discovery log: omit it, or --nqn');
    process.exitCode = await withEnvironment(given, async (environment, stop) => {
      const { rows, failed } =
        'service' in asked
          ? await lookBehind(environment, asked.service, given, stop)
          : await lookAt(environment, asked.targets, given, stop);
      // An empty table would mean that there are no namespaces.
      if (rows.length > 0 || !failed || given.outputFormat === 'json') {
        const found = {
          Devices: rows.flatMap(({ namespaces }) => namespaces),
          Controllers: rows.map(({ controller, namespaces }) => ({
            ...controller,
            Namespaces: namespaces.length,
          })),
        };
        print(given.outputFormat, found, () => asTable(rows));
      }
      return failed ? 1 : 0;
    });
  });
}

/** The controllers in the log of a discovery service. */
async function lookBehind(
  environment: Environment,
  service: TransportId,
  given: Given,
  stop: StopSignal,
): Promise<Found> {
  const listed = await lookAtListed(environment, service, given, stop, {
    wanted: () => true,
    onePath: true,
    look: (controller) => rowOf(controller.transportId, controller),
  });
  const { attached, failed, untried } = listed;
  const failures = reportFailures(listed);
  const tried = new Set([...attached, ...failed].map(({ entry }) => entry.subsystemNqn));
  const missing = untried.filter(({ entry }) => !tried.has(entry.subsystemNqn));
  for (const { entry, reason } of missing) reportEntry(entry, whyUntried(entry, reason));
  return {
    rows: attached.flatMap(({ found }) => found ?? []),
    failed: failures + missing.length > 0,
  };
}

function whyUntried({ transport }: DiscoveryEntry, reason: SkipReason): string {
  if (reason === 'any-address') return 'the target does not name its address: add --nqn';
  if (reason === 'secure-channel') return 'the target requires TLS: add --tls-key';
  return `this package cannot connect to such an address over ${transport}`;
}

/** The controllers that are named. */
async function lookAt(
  environment: Environment,
  ids: readonly TransportId[],
  given: Given,
  stop: StopSignal,
): Promise<Found> {
  const rows: Row[] = [];
  let failed = false;
  for (const id of ids) {
    try {
      rows.push(await lookAtOne(environment, id, given, stop));
    } catch (error) {
      stop.signal.throwIfAborted();
      // A wrong key is the same for every controller.
      if (keyError(error)) throw error;
      failed = true;
      process.stderr.write(`spdk-nvme: ${formatTransportId(id)}: ${explain(error)}\n`);
    }
  }
  return { rows, failed };
}

async function lookAtOne(
  environment: Environment,
  id: TransportId,
  given: Given,
  stop: StopSignal,
): Promise<Row> {
  const controller = await environment.attach(id, { ...attachOptionsOf(given), signal: stop.signal });
  try {
    return rowOf(id, controller);
  } finally {
    await detachNow(controller, stop, given.timeout);
  }
}

function rowOf(id: TransportId, { info, namespaces }: Controller): Row {
  const controller = {
    SubsystemNQN: id.subnqn ?? '',
    Transport: id.trtype.toLowerCase(),
    Address: `${id.adrfam === 'IPv6' ? `[${id.traddr}]` : id.traddr}:${id.trsvcid ?? ''}`,
    ModelNumber: info.model,
    SerialNumber: info.serial,
    Firmware: info.firmware,
  };
  return {
    controller,
    namespaces: namespaces.map((namespace) => ({
      ...controller,
      NameSpace: namespace.id,
      PhysicalSize: namespace.bytes,
      SectorSize: namespace.blockSize,
    })),
  };
}

function asTable(rows: readonly Row[]): string {
  return table(
    ['Subsystem', 'Transport', 'Address', 'Namespace', 'Model', 'Serial', 'Size', 'Block', 'Firmware'],
    rows.flatMap(({ controller, namespaces }) => {
      const { SubsystemNQN, Transport, Address, ModelNumber, SerialNumber, Firmware } = controller;
      const line = (namespace: string | number, size: string, block: string) => [
        SubsystemNQN,
        Transport,
        Address,
        namespace,
        ModelNumber,
        SerialNumber,
        size,
        block,
        Firmware,
      ];
      if (namespaces.length === 0) return [line('none', '-', '-')];
      return namespaces.map(({ NameSpace, PhysicalSize, SectorSize }) =>
        line(NameSpace, formatBytes(PhysicalSize), formatBytes(SectorSize)),
      );
    }),
  );
}
