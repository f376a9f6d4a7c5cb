import { existsSync } from 'node:fs';
import { makeWire, plugWire } from '../../../scripts/fabric/target.js';
import { type FabricSubsystem, farPort, transportId, wire } from '../../../scripts/fabric/topology.js';
import { run } from './run.js';

export { wire } from '../../../scripts/fabric/topology.js';

/** SPDK's string for a subsystem at the far end of the wire. */
export function farIdOf(subsystem: FabricSubsystem): string {
  return transportId(subsystem.nqn, farPort);
}

/** Makes the link unless it exists. Later tests use the same link, so restore it after a test that cut it. */
export async function layWire(): Promise<void> {
  if (!existsSync(`/sys/class/net/${wire.near.netdev}`)) await shell(makeWire());
}

const ends = [wire.near.netdev, wire.far.netdev];
/** The priority of a rule that precedes the rules for incoming packets; see makeWire. */
const pref = 5;

/** Drops all packets from now on. The link stays up, and neither end notices. */
export async function cutWire(): Promise<void> {
  await run(
    'ip',
    ['-batch', '-'],
    ends.map((end) => `rule add pref ${pref} iif ${end} blackhole\n`).join(''),
  );
}

/** Takes the link down; both machines notice. */
export async function unplugWire(): Promise<void> {
  await run('ip', ['link', 'set', wire.far.netdev, 'down']);
}

/** Restores the link. */
export async function restoreWire(): Promise<void> {
  const rules = await run('ip', ['rule', 'show', 'pref', String(pref)]);
  for (const end of ends) {
    if (rules.includes(end)) await run('ip', ['rule', 'del', 'pref', String(pref), 'iif', end]);
  }
  await shell(plugWire().join('\n'));
}

/** The script of a folder of commands, which ends with the first that fails, as `.` does. */
async function shell(script: string): Promise<void> {
  await run('sh', ['-c', `make() {\n${script}\n}\nmake`]);
}
