// Boots the guest, in several attempts if necessary.

import { likelyAccelerator, rememberKvmFails } from './accelerator.js';
import { Guest, GuestLate } from './guest.js';
import type { Accelerator, MachineOptions } from './qemu.js';
import type { StopRequests } from './stop.js';

type Machine = Omit<MachineOptions, 'accelerator'>;
type Report = (line: string) => void;

/**
 * The time limits of the attempts. With hardware virtualisation the guest starts within two seconds or not at all.
 * Emulated it needs four on an idle machine, and more on a busy one. Once in some hundred boots an emulated kernel
 * stops before its console works; the next attempt succeeds.
 */
const TRIES_MS: Record<Accelerator, readonly number[]> = { kvm: [15_000], tcg: [60_000, 90_000, 120_000] };

/** A guest with the fabric up, or undefined if the run was stopped before. */
export async function bootGuest(
  machine: Machine,
  stops: StopRequests,
  report: Report,
): Promise<Guest | undefined> {
  const accelerator = await likelyAccelerator();
  if (accelerator === 'tcg') return tryToBoot('tcg', machine, stops, report);
  try {
    return await tryToBoot('kvm', machine, stops, report);
  } catch {
    report('KVM does not run the guest on this machine; it is emulated from now on');
    const guest = await tryToBoot('tcg', machine, stops, report);
    if (guest) await rememberKvmFails();
    return guest;
  }
}

async function tryToBoot(
  accelerator: Accelerator,
  machine: Machine,
  stops: StopRequests,
  report: Report,
): Promise<Guest | undefined> {
  const limits = TRIES_MS[accelerator];
  for (const [index, limit] of limits.entries()) {
    try {
      return await bootOnce({ ...machine, accelerator }, limit, stops, report);
    } catch (error) {
      if (!(error instanceof GuestLate) || index === limits.length - 1) throw error;
      report(`${error.message}\nStarting another guest`);
    }
  }
  return undefined;
}

async function bootOnce(
  machine: MachineOptions,
  limitMs: number,
  stops: StopRequests,
  report: Report,
): Promise<Guest | undefined> {
  if (stops.first) return undefined;
  const started = performance.now();
  const guest = new Guest(machine);
  const stopped = new Promise<undefined>((resolve) => stops.each(() => resolve(undefined)));
  try {
    const times = await Promise.race([guest.ready(limitMs), stopped]);
    if (times) {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      report(
        `Fabric up after ${seconds} s (${machine.accelerator}; kernel ${times[0]}, in all ${times[1]} s of guest time)`,
      );
      return guest;
    }
  } catch (error) {
    await guest.close();
    throw error;
  }
  await guest.close();
  return undefined;
}
