// Finds and loads the native addon.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { type NativeFailure, SpdkError } from '../errors/spdk-error.js';
import { checkOneDescriptor } from '../internal/descriptors.js';
import type { NativeAddon } from './contract.js';
import { installReport } from './install-report.js';
import { packageRequire, packageRoot } from './package-root.js';
import { findPrebuilt } from './prebuilt.js';

let addon: NativeAddon | undefined;
let loaded = '';

/**
 * The native addon, loaded at its first use, so that importing this package never throws.
 * @throws {SpdkError} ERR_SPDK_ADDON_MISSING or ERR_SPDK_ADDON_BROKEN, naming the command that builds it; ERR_SPDK_NO_DESCRIPTORS
 */
export function native(): NativeAddon {
  if (!addon) {
    // Node.js remembers for good that it did not find a package, even for this reason.
    checkOneDescriptor();
    const file = addonFile();
    addon = load(file);
    loaded = file;
  }
  return addon;
}

/** The file that the addon was loaded from; empty where there is none, or targets in memory. */
export function loadedFile(): string {
  return loaded;
}

/**
 * @internal Replaces the addon by another object with the same contract, for tests; undefined restores the addon. Returns the
 * previous one.
 */
export function useAddon(replacement: NativeAddon | undefined): NativeAddon | undefined {
  const before = addon;
  addon = replacement;
  loaded = '';
  return before;
}

/**
 * The addon that was built on this machine, or else the one of the binary package.
 * @throws {SpdkError} ERR_SPDK_ADDON_MISSING
 */
function addonFile(): string {
  const builtFile = path.join(packageRoot(), 'build/Release/spdk_nvme.node');
  if (existsSync(builtFile)) return builtFile;
  const prebuilt = findPrebuilt();
  if (prebuilt && 'file' in prebuilt) return prebuilt.file;
  const { reason, remedy } = installReport();
  throw new SpdkError(
    'ERR_SPDK_ADDON_MISSING',
    `The native addon is not at ${builtFile}: ${prebuilt ? `${prebuilt.unfit}; ` : ''}${reason}. Build it with \`${remedy}\`, or with \`npm run setup\` in a checkout`,
  );
}

function load(file: string): NativeAddon {
  try {
    return packageRequire()(file) as NativeAddon;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const remedy =
      (cause as { code?: unknown }).code === 'ERR_DLOPEN_DISABLED'
        ? 'Start Node.js without `--no-addons`; with `--permission` or `--experimental-permission`, give it `--allow-addons` too'
        : 'Build it again with `npx spdk-nvme build`, or with `npm run setup` in a checkout';
    throw new SpdkError(
      'ERR_SPDK_ADDON_BROKEN',
      `The native addon at ${file} does not load (${why}). ${remedy}`,
      { cause },
    );
  }
}

/** The text for a native failure without a reason, which is a bug. */
export const unexplained: NativeFailure = {
  code: 'ERR_SPDK_INTERNAL',
  message: 'The native addon reported no reason',
};

/** Makes a call whose result is not needed. */
export function ignoringErrors(call: () => void): void {
  try {
    call();
  } catch {}
}
