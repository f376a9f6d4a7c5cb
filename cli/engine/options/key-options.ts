// The options that name keys, as in nvme-cli. A key on the command line never appears in a message.
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { AttachOptions, Secret } from 'spdk-nvme';
import { codeOf, UsageError } from '../process/exit.js';
import { addAlias } from './alias.js';

export interface KeyOptions {
  readonly dhchapSecret?: string;
  readonly dhchapCtrlSecret?: string;
  readonly tls?: boolean;
  readonly tlsKey?: string;
}

const group =
  'Authentication and encryption (KEY is file:PATH, kernel:NAME of a key in the keyring, or text):';
const reference = /^(file|kernel):(.+)$/s;
/** The text of a key; the package checks the rest of it. */
const asText = /^(?:DHHC-1|NVMeTLSkey-1):[0-9a-f]{2}:[A-Za-z0-9+/=]+:$/;
const asTextAnywhere = /(DHHC-1|NVMeTLSkey-1):\S+/g;

export function addKeyOptions(command: Command): Command {
  const add = (flags: string, description: string) =>
    command.addOption(new Option(flags, description).helpGroup(group));
  add('-S, --dhchap-secret <KEY>', 'the DH-HMAC-CHAP key of this host');
  add(
    '-C, --dhchap-ctrl-secret <KEY>',
    'the DH-HMAC-CHAP key of the controller, which must then prove that it has it',
  );
  add('--tls', 'encrypt all connections; needs --tls-key');
  add('--tls-key <KEY>', 'encrypt all connections with this key');
  // nvme-cli's spelling.
  return addAlias(command, '--tls_key <KEY>', 'tls-key');
}

/**
 * The keys for `env.attach()`.
 * @throws {UsageError} without any part of a key
 */
export function keysOf(options: KeyOptions): Pick<AttachOptions, 'dhchap' | 'tls'> {
  const { dhchapSecret, dhchapCtrlSecret, tls, tlsKey } = options;
  const psk = secretOf('--tls-key', tlsKey);
  const key = secretOf('--dhchap-secret', dhchapSecret);
  const controllerKey = secretOf('--dhchap-ctrl-secret', dhchapCtrlSecret);
  if (tls && psk === undefined) {
    throw new UsageError(
      '--tls needs --tls-key: a key that the kernel has derived from another one cannot be used',
    );
  }
  if (controllerKey !== undefined && key === undefined) {
    throw new UsageError('--dhchap-ctrl-secret needs --dhchap-secret');
  }
  return { dhchap: key && { key, controllerKey }, tls: psk && { psk } };
}

function secretOf(option: string, value: string | undefined): Secret | undefined {
  if (value === undefined) return undefined;
  const [, kind, name = ''] = reference.exec(value) ?? [];
  if (kind === 'file') return { file: resolve(name) };
  if (kind === 'kernel') return { kernelKey: name };
  if (asText.test(value)) return Buffer.from(value);
  throw new UsageError(`${option} must be file:PATH, kernel:NAME, or a key as nvme-cli prints it`);
}

const optionOf: Readonly<Record<string, string>> = {
  'dhchap.key': '--dhchap-secret',
  'dhchap.controllerKey': '--dhchap-ctrl-secret',
  'tls.psk': '--tls-key',
};

/** An error about a key, for the user of the command line; undefined for other errors. */
export function keyError(error: unknown): UsageError | undefined {
  if (codeOf(error) !== 'ERR_SPDK_INVALID_KEY') return undefined;
  const { message } = error as Error;
  return new UsageError(message.replace(/^(dhchap|tls)\.\w+/, (name) => optionOf[name] ?? name));
}

/** A text without the keys in it. */
export function withoutKeys(text: string): string {
  return text.replace(asTextAnywhere, '$1:…');
}

/** Takes keys out of what other users see of this process, such as in `ps`. Its command line is overwritten. */
export function hideKeys(args: readonly string[]): void {
  const shown = args.map(withoutKeys);
  if (shown.some((one, index) => one !== args[index])) process.title = ['spdk-nvme', ...shown].join(' ');
}
