// How the checks of `spdk-nvme doctor` see the machine.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

const commandLimitMs = 3_000;

/** What the checks read. Tests give them folders and results of their own. */
export class Machine {
  /** Before every path; empty for this machine. */
  readonly root: string;

  constructor(root = '') {
    this.root = root;
  }

  /** The text of a file without white space around it; undefined if it cannot be read. */
  read(file: string): string | undefined {
    try {
      return readFileSync(this.root + file, 'utf8').trim();
    } catch {
      return undefined;
    }
  }

  list(folder: string): string[] {
    try {
      return readdirSync(this.root + folder).sort();
    } catch {
      return [];
    }
  }

  /** Whether this process may read and write a file. */
  writable(file: string): boolean {
    try {
      accessSync(this.root + file, constants.R_OK | constants.W_OK);
      return true;
    } catch {
      return false;
    }
  }

  /** The IP addresses of a network device. */
  addresses(device: string): string[] {
    return (networkInterfaces()[device] ?? []).map(({ address }) => address);
  }

  /** Runs a program and returns what it prints; undefined where it is missing or fails. */
  run(program: string, args: readonly string[]): string | undefined {
    const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', timeout: commandLimitMs });
    return status === 0 ? stdout : undefined;
  }
}
