// Proxies that let a host fall silent at a chosen moment.

import { commandId, commandIn, completedId, completionIn, isFabrics } from './pdu.js';
import { PduProxy } from './proxy.js';

/** Properties of a controller. */
const capabilities = 0x00;
const configuration = 0x14;
/** CC.EN and CC.SHN (NVMe base specification, "Controller Configuration"). */
const enableBit = 0x1;
const shutdownBits = 0xc000;
/** Asynchronous event "namespace attribute changed", in dword 0 of its completion: a notice, and the log page to read. */
const namespacesChanged = 0x04_00_02;

/** The request that a controller shuts down, which SPDK sends at the end of a detach. */
export const asksForShutdown = (value: number): boolean => (value & shutdownBits) !== 0;

/** A controller is enabled, in the middle of a connect. */
export const enables = (value: number): boolean => (value & enableBit) !== 0 && !asksForShutdown(value);

const propertyOf = (command: Buffer): number => command.readUInt32LE(44);

/** What a command writes to a controller's configuration. */
function configurationIn(command: Buffer): number | undefined {
  const writes = isFabrics(command, 'propertySet') && propertyOf(command) === configuration;
  return writes ? command.readUInt32LE(48) : undefined;
}

/**
 * Keeps all that the initiator sends after the first write to a controller's configuration that is chosen, and with `holdIt`
 * that too. With `readyHalfSeconds` the target claims to need so many half seconds to become ready (CAP.TO).
 */
export function holdAt(
  targetPort: number,
  chosen: (value: number) => boolean,
  { holdIt, readyHalfSeconds }: { readonly holdIt: boolean; readonly readyHalfSeconds?: number },
): Promise<PduProxy> {
  const hooks = () => {
    const asked = new Set<number>();
    return {
      fromHost: (pdu: Buffer) => {
        const command = commandIn(pdu);
        if (!command) return undefined;
        if (isFabrics(command, 'propertyGet') && propertyOf(command) === capabilities) {
          asked.add(commandId(command));
        }
        const value = configurationIn(command);
        if (value === undefined || !chosen(value)) return undefined;
        return holdIt ? 'this' : 'next';
      },
      fromTarget: (pdu: Buffer) => {
        const completion = completionIn(pdu);
        const isIt = completion && asked.delete(completedId(completion));
        if (isIt && readyHalfSeconds !== undefined) completion[3] = readyHalfSeconds;
        return undefined;
      },
    } as const;
  };
  return PduProxy.start({ targetPort, hooks });
}

/** Keeps all that the initiator sends from the moment on that the target has announced a change of its namespaces. */
export function holdAfterNamespaceEvent(targetPort: number): Promise<PduProxy> {
  const fromTarget = (pdu: Buffer) =>
    completionIn(pdu)?.readUInt32LE(0) === namespacesChanged ? 'next' : undefined;
  return PduProxy.start({ targetPort, hooks: () => ({ fromTarget }) });
}
