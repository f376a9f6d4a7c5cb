// Whether the guest runs with hardware virtualisation or is emulated.

import { constants } from 'node:fs';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fabricCache } from './cache.js';
import type { Accelerator } from './qemu.js';

/**
 * A /dev/kvm may exist and still not run a guest, for example in a nested virtual machine. Only an attempt shows it;
 * the result is remembered until this machine boots again.
 */
export async function likelyAccelerator(): Promise<Accelerator> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return 'tcg';
  }
  const rejected = await readFile(marker(), 'utf8').catch(() => '');
  return rejected === (await bootId()) ? 'tcg' : 'kvm';
}

export async function rememberKvmFails(): Promise<void> {
  await writeFile(marker(), await bootId());
}

function marker(): string {
  return join(fabricCache(), 'kvm-fails');
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
