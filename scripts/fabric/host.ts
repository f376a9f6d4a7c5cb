// The fabric on this machine, without a virtual one.

import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { execa } from 'execa';
import { FabricError } from './errors.js';
import { FABRIC_MODULES, MODULE_PARAMETERS } from './modules.js';
import type { JobStreams, Runner } from './runner.js';
import { signalStatus } from './stop.js';
import {
  makeAddresses,
  makeLink,
  makePorts,
  makeRdmaDevice,
  makeSubsystems,
  removeAddresses,
  removeLink,
  removeTarget,
  removeWire,
} from './target.js';
import { ports } from './topology.js';

const HUGEPAGES = '/sys/kernel/mm/hugepages/hugepages-2048kB';
const PORT_ADDRESS = `/sys/kernel/config/nvmet/ports/${ports.rdma.id}/addr_traddr`;
const HOST_MODULES = FABRIC_MODULES.filter((name) => name !== 'virtio_console');

/** Whether the fabric's target exists, as in the guest and in a command that runs on the fabric. */
export async function fabricIsUp(): Promise<boolean> {
  const address = await readFile(PORT_ADDRESS, 'utf8').catch(() => '');
  return address.trim() === ports.rdma.traddr;
}

/** True only if everything that host mode needs was found; changes nothing. */
export async function hostCanMakeFabric(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const mounts = await readFile('/proc/mounts', 'utf8');
  if (!/ hugetlbfs /.test(mounts) || !/ \/sys\/kernel\/config configfs /.test(mounts)) return false;
  const dryRun = await execa('modprobe', ['--dry-run', '--quiet', '--all', ...HOST_MODULES], {
    reject: false,
  });
  const tools = await Promise.all(['ip', 'rdma'].map((tool) => execa(tool, ['-V'], { reject: false })));
  return [dryRun, ...tools].every((result) => result.exitCode === 0);
}

/** This machine as the fabric. `device` is an RDMA device of the user; without one, soft-RoCE is created. */
export async function hostRunner(device: string | undefined, hugepages: number): Promise<Runner> {
  if (await fabricIsUp()) return new HostRunner(async () => {});
  if (process.getuid?.() !== 0)
    throw new FabricError('SPDK_NVME_FABRIC=host needs root: use sudo, or unset it');
  const undo: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const step of undo.reverse()) await step();
  };
  try {
    for (const name of HOST_MODULES) {
      await execa('modprobe', [name, ...(MODULE_PARAMETERS[name]?.split(' ') ?? [])]).catch(() => {
        throw new FabricError(
          `This kernel has no module ${name}: unset SPDK_NVME_FABRIC to use a virtual machine`,
        );
      });
    }
    undo.push(await reserveHugepages(hugepages));
    if (device) {
      const netdev = await netdevOf(device);
      undo.push(() => shell(removeAddresses(netdev)));
      await shell(makeAddresses(netdev));
    } else {
      undo.push(() => shell(removeLink()));
      await shell(makeLink() + makeRdmaDevice());
    }
    undo.push(() => shell(removeTarget()));
    // Tests may have created it; it must be removed before the target.
    undo.push(() => shell(removeWire()));
    await shell(makeSubsystems() + makePorts());
    return new HostRunner(close);
  } catch (error) {
    await close();
    throw error;
  }
}

class HostRunner implements Runner {
  readonly #close: () => Promise<void>;
  #child: ChildProcess | undefined;

  constructor(close: () => Promise<void>) {
    this.#close = close;
  }

  async run(script: string, { stdout, stderr, stdin, tty }: JobStreams): Promise<number> {
    // With a terminal the command must stay in its foreground group; without one it gets its own, which is ended as a whole.
    const child = tty
      ? spawn('/bin/sh', ['-c', script], { stdio: 'inherit' })
      : spawn('/bin/sh', ['-c', script], {
          stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
          detached: true,
        });
    this.#child = child;
    if (stdin && child.stdin) stdin.pipe(child.stdin).on('error', () => {});
    child.stdout?.pipe(stdout, { end: false });
    child.stderr?.pipe(stderr, { end: false });
    const outputs = [child.stdout, child.stderr]
      .filter((s) => s !== null)
      .map((s) => finished(s).catch(() => {}));
    const status = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) =>
        resolve(code ?? signalStatus(signal?.slice('SIG'.length) ?? 'KILL')),
      );
    });
    if (stdin && child.stdin) stdin.unpipe(child.stdin);
    this.signal('KILL');
    await Promise.all(outputs);
    return status;
  }

  signal(name: string): void {
    const child = this.#child;
    if (!child?.pid) return;
    try {
      process.kill(child.stdin === null && child.stdout === null ? child.pid : -child.pid, `SIG${name}`);
    } catch {
      // The command has ended.
    }
  }

  diagnosis(): string {
    return 'It ran on this machine; see dmesg';
  }

  async close(): Promise<void> {
    this.signal('KILL');
    await this.#close();
  }
}

/** Raises the number of free pages if needed; returns the function that restores it. */
async function reserveHugepages(wanted: number): Promise<() => Promise<void>> {
  const read = async (name: string) => Number(await readFile(`${HUGEPAGES}/${name}`, 'utf8'));
  const before = await read('nr_hugepages');
  const free = async () => (await read('free_hugepages')) - (await read('resv_hugepages'));
  const missing = wanted - (await free());
  if (missing <= 0) return async () => {};
  const restore = () => writeFile(`${HUGEPAGES}/nr_hugepages`, `${before}`);
  await writeFile(`${HUGEPAGES}/nr_hugepages`, `${before + missing}`);
  if ((await free()) < wanted) {
    await restore();
    throw new FabricError(
      `This machine cannot spare ${wanted} hugepages of 2 MiB; free some memory and try again`,
    );
  }
  return restore;
}

async function netdevOf(device: string): Promise<string> {
  const folder = `/sys/class/infiniband/${device}/ports/1/gid_attrs/ndevs`;
  const name = (await readFile(`${folder}/0`, 'utf8').catch(() => '')).trim();
  if (name) return name;
  const devices = await readdir('/sys/class/infiniband').catch(() => []);
  const known =
    devices.length > 0 ? `this machine has ${devices.join(', ')}` : 'this machine has no RDMA device';
  throw new FabricError(`No RDMA device ${device} with a network interface; ${known}`);
}

async function shell(script: string): Promise<void> {
  await execa('/bin/sh', ['-c', `fabric() {\n${script}}\nfabric`]).catch((error: { stderr?: string }) => {
    throw new FabricError(`Cannot make the fabric on this machine: ${error.stderr ?? String(error)}`);
  });
}
