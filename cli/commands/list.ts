// The verb that lists namespaces, as nvme-cli does.

import type { Command } from 'commander';
import { type Controller, type Environment, formatTransportId, type TransportId } from 'spdk-nvme';
import { keyError } from '../engine/options/key-options.js';
import { formatBytes } from '../engine/options/numbers.js';
import { addTargetOptions, attachOptionsOf, targetsOf } from '../engine/options/target-options.js';
import { explain } from '../engine/process/exit.js';
import type { StopSignal } from '../engine/process/stop.js';
import {
  addSessionOptions,
  detachNow,
  type SessionOptions,
  withEnvironment,
} from '../engine/target/session.js';
import { addOutputOption, type OutputOptions, print } from '../engine/terminal/output.js';
import { table } from '../engine/terminal/show.js';

interface Given extends SessionOptions, OutputOptions {}

/** One namespace of a controller, with the fields of nvme-cli's `list`. */
interface NamespaceRow {
  readonly SubsystemNQN: string;
  readonly Transport: string;
  readonly Address: string;
  readonly NameSpace: number;
  readonly ModelNumber: string;
  readonly SerialNumber: string;
  readonly Firmware: string;
  readonly PhysicalSize: number;
  readonly SectorSize: number;
}

export function addList(program: Command): void {
  const command = program.command('list').description('List the namespaces of one or several controllers.');
  addOutputOption(addSessionOptions(addTargetOptions(command, { several: true }))).action(
    async (given: Given) => {
      const ids = targetsOf(given);
      process.exitCode = await withEnvironment(given, async (environment, stop) => {
        const rows: NamespaceRow[] = [];
        let failed = false;
        for (const id of ids) {
          try {
            rows.push(...(await namespacesOf(environment, id, given, stop)));
          } catch (error) {
            if (stop.requested) return 1;
            // A wrong key is the same for every controller.
            if (keyError(error)) throw error;
            failed = true;
            process.stderr.write(`spdk-nvme: ${formatTransportId(id)}: ${explain(error)}\n`);
          }
        }
        // An empty table would mean that there are no namespaces.
        if (rows.length > 0 || !failed || given.outputFormat === 'json')
          print(given.outputFormat, { Devices: rows }, () => asTable(rows));
        return failed ? 1 : 0;
      });
    },
  );
}

async function namespacesOf(
  environment: Environment,
  id: TransportId,
  given: Given,
  stop: StopSignal,
): Promise<NamespaceRow[]> {
  const controller: Controller = await environment.attach(id, {
    ...attachOptionsOf(given),
    signal: stop.signal,
  });
  try {
    const { model, serial, firmware } = controller.info;
    return controller.namespaces.map((namespace) => ({
      SubsystemNQN: id.subnqn ?? '',
      Transport: id.trtype.toLowerCase(),
      Address: `${id.adrfam === 'IPv6' ? `[${id.traddr}]` : id.traddr}:${id.trsvcid ?? ''}`,
      NameSpace: namespace.id,
      ModelNumber: model,
      SerialNumber: serial,
      Firmware: firmware,
      PhysicalSize: namespace.bytes,
      SectorSize: namespace.blockSize,
    }));
  } finally {
    await detachNow(controller, stop, given.timeout);
  }
}

function asTable(rows: readonly NamespaceRow[]): string {
  return table(
    ['Subsystem', 'Transport', 'Address', 'Namespace', 'Model', 'Serial', 'Size', 'Block', 'Firmware'],
    rows.map((row) => [
      row.SubsystemNQN,
      row.Transport,
      row.Address,
      row.NameSpace,
      row.ModelNumber,
      row.SerialNumber,
      formatBytes(row.PhysicalSize),
      formatBytes(row.SectorSize),
      row.Firmware,
    ]),
  );
}
