// A proxy that acts in the middle of a verb of the command line: at the first command of its own.

import { commandIn, isFabrics } from './pdu.js';
import { type Hold, PduProxy } from './proxy.js';

const getLogPage = 0x02;
const identify = 0x06;

/** Where a verb's own work begins. */
export type Moment =
  /** At the first command after the I/O queues are connected. */
  | 'attached'
  /** At the first Get Log Page: the discovery log. */
  | 'log'
  /** In the middle of an attach, at its first Identify. */
  | 'attaching';

/**
 * Calls `act` once at this moment, before the command reaches the target.
 * @param act gives whether the command and all that follows are kept
 */
export function actAt(targetPort: number, moment: Moment, act: () => Hold): Promise<PduProxy> {
  let ioQueues = false;
  let acted = false;
  const isIt = (command: Buffer): boolean => {
    if (isFabrics(command, 'connect')) {
      ioQueues ||= command.readUInt16LE(42) > 0;
      return false;
    }
    if (moment === 'log') return command[0] === getLogPage;
    return moment === 'attached' ? ioQueues : command[0] === identify;
  };
  const fromHost = (pdu: Buffer): Hold => {
    const command = commandIn(pdu);
    if (acted || !command || !isIt(command)) return undefined;
    acted = true;
    return act();
  };
  return PduProxy.start({ targetPort, hooks: () => ({ fromHost }) });
}
