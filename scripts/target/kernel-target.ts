// The kernel's target: changes through configfs while it runs.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { type FabricPort, ports } from '../fabric/topology.js';

const nvmet = '/sys/kernel/config/nvmet';
const folderOf = (nqn: string) => `${nvmet}/subsystems/${nqn}`;
const hostOf = (nqn: string) => `${nvmet}/hosts/${nqn}`;
const linkOf = (nqn: string, port: FabricPort) => `${nvmet}/ports/${port.id}/subsystems/${nqn}`;

const text = (file: string) => readFileSync(file, 'utf8').trim();

interface ConfiguredNamespace {
  readonly id: number;
  readonly blockSize: number;
  readonly bytes: number;
  /** Hexadecimal digits; empty where none is set. */
  readonly nguid: string;
}

/** A subsystem of the kernel's target. */
export interface ConfiguredSubsystem {
  readonly serial: string;
  readonly model: string;
  readonly namespaces: readonly ConfiguredNamespace[];
}

export function readSubsystem(nqn: string): ConfiguredSubsystem {
  const folder = folderOf(nqn);
  const namespaces = readdirSync(`${folder}/namespaces`).map((id): ConfiguredNamespace => {
    const device = text(`${folder}/namespaces/${id}/device_path`).replace('/dev/', '/sys/block/');
    const nguid = text(`${folder}/namespaces/${id}/device_nguid`).replaceAll('-', '');
    return {
      id: Number(id),
      blockSize: Number(text(`${device}/queue/logical_block_size`)),
      // sysfs counts in units of 512 bytes, whatever the block size.
      bytes: Number(text(`${device}/size`)) * 512,
      nguid: /^0*$/.test(nguid) ? '' : nguid,
    };
  });
  return {
    serial: text(`${folder}/attr_serial`),
    model: text(`${folder}/attr_model`),
    namespaces: namespaces.sort((a, b) => a.id - b.id),
  };
}

export interface NewNamespace {
  readonly id: number;
  /** A block device, or a file. */
  readonly device: string;
  /** The NGUID, written like a UUID. */
  readonly nguid?: string;
}

const namespaceOf = (nqn: string, id: number) => `${folderOf(nqn)}/namespaces/${id}`;

/** Adds a namespace to a subsystem; hosts see it immediately. */
export function addNamespace(nqn: string, { id, device, nguid }: NewNamespace): void {
  const folder = namespaceOf(nqn, id);
  mkdirSync(folder);
  // Some file systems need the page cache.
  if (!device.startsWith('/dev/')) writeFileSync(`${folder}/buffered_io`, '1');
  writeFileSync(`${folder}/device_path`, device);
  if (nguid) writeFileSync(`${folder}/device_nguid`, nguid);
  enableNamespace(nqn, id);
}

/** Removes a namespace. */
export function removeNamespace(nqn: string, id: number): void {
  rmdirSync(namespaceOf(nqn, id));
}

export function enableNamespace(nqn: string, id: number): void {
  writeFileSync(`${namespaceOf(nqn, id)}/enable`, '1');
}

export function disableNamespace(nqn: string, id: number): void {
  writeFileSync(`${namespaceOf(nqn, id)}/enable`, '0');
}

/** Moves a disabled namespace to another device. */
export function moveNamespace(nqn: string, id: number, device: string): void {
  writeFileSync(`${namespaceOf(nqn, id)}/device_path`, device);
}

/** Makes the target read the size of a namespace's device again. */
export function revalidateNamespace(nqn: string, id: number): void {
  writeFileSync(`${namespaceOf(nqn, id)}/revalidate_size`, '1');
}

/** Adds a subsystem to ports. Returns the function that removes it. */
export function addSubsystem(
  nqn: string,
  serial: string,
  namespaces: readonly NewNamespace[],
  on: readonly FabricPort[] = [ports.rdma],
): () => void {
  const folder = folderOf(nqn);
  mkdirSync(folder);
  admitHosts(nqn);
  writeFileSync(`${folder}/attr_serial`, serial);
  for (const namespace of namespaces) addNamespace(nqn, namespace);
  for (const port of on) allow(nqn, port);
  return () => {
    for (const port of on) withdraw(nqn, port);
    for (const id of readdirSync(`${folder}/namespaces`)) removeNamespace(nqn, Number(id));
    for (const host of readdirSync(`${folder}/allowed_hosts`)) unlinkSync(`${folder}/allowed_hosts/${host}`);
    rmdirSync(folder);
  };
}

/** Removes a subsystem from a port, if it is there; the target then ends its controllers there. */
export function withdraw(nqn: string, port: FabricPort = ports.rdma): void {
  if (existsSync(linkOf(nqn, port))) unlinkSync(linkOf(nqn, port));
}

/** Adds a subsystem to a port, unless it is there. */
export function allow(nqn: string, port: FabricPort = ports.rdma): void {
  if (!existsSync(linkOf(nqn, port))) symlinkSync(folderOf(nqn), linkOf(nqn, port));
}

/** Refers hosts at a port to the discovery service of another one. Returns the function that ends that. */
export function refer(from: FabricPort, to: FabricPort): () => void {
  const folder = `${nvmet}/ports/${from.id}/referrals/${to.id}`;
  mkdirSync(folder);
  for (const name of ['trtype', 'adrfam', 'traddr', 'trsvcid'] as const)
    writeFileSync(`${folder}/addr_${name}`, to[name]);
  writeFileSync(`${folder}/enable`, '1');
  return () => rmdirSync(folder);
}

/** Closes a port, which ends all its connections, also those that are being made, and opens it again. */
export function reopen(port: FabricPort): void {
  const subsystems = readdirSync(`${nvmet}/ports/${port.id}/subsystems`);
  // Removing the last subsystem closes the port.
  for (const nqn of subsystems) withdraw(nqn, port);
  for (const nqn of subsystems) allow(nqn, port);
}

/** Sizes of a disk with zones. */
export interface ZonedDisk {
  readonly sizeMb: number;
  readonly zoneMb: number;
  readonly blockSize: number;
  readonly maxOpen: number;
  readonly maxActive: number;
}

/** Makes a null_blk disk with zones, which keeps what is written. */
export function makeZonedDisk(name: string, disk: ZonedDisk): { device: string; remove: () => void } {
  const folder = `/sys/kernel/config/nullb/${name}`;
  mkdirSync(folder);
  const settings = {
    ...{ memory_backed: 1, zoned: 1, blocksize: disk.blockSize, size: disk.sizeMb },
    ...{ zone_size: disk.zoneMb, zone_max_open: disk.maxOpen, zone_max_active: disk.maxActive },
  };
  for (const [setting, value] of Object.entries(settings)) writeFileSync(`${folder}/${setting}`, `${value}`);
  writeFileSync(`${folder}/power`, '1');
  return { device: `/dev/${name}`, remove: () => rmdirSync(folder) };
}

/** The ANA states as the kernel's target writes them. */
export type KernelAnaState = 'optimized' | 'non-optimized' | 'inaccessible' | 'persistent-loss' | 'change';

/** Sets the ANA state of all namespaces at a port, which are in its first group unless set otherwise. */
export function setAna(port: FabricPort, state: KernelAnaState): void {
  writeFileSync(`${nvmet}/ports/${port.id}/ana_groups/1/ana_state`, state);
}

/** Rejects hosts that the subsystem does not list; connected hosts stay. */
export function rejectHosts(nqn: string): void {
  writeFileSync(`${folderOf(nqn)}/attr_allow_any_host`, '0');
}

/** Rejects all hosts except these; connected hosts stay. */
export function admitOnly(nqn: string, hosts: readonly string[]): void {
  rejectHosts(nqn);
  for (const host of hosts) {
    mkdirSync(hostOf(host), { recursive: true });
    symlinkSync(hostOf(host), `${folderOf(nqn)}/allowed_hosts/${host}`);
  }
}

/** Whether this kernel's target can authenticate hosts (CONFIG_NVME_TARGET_AUTH). */
export function hostsHaveKeys(): boolean {
  const host = 'nqn.2026-11.dev.spdk-nvme:asked';
  mkdirSync(hostOf(host));
  const has = existsSync(`${hostOf(host)}/dhchap_key`);
  removeHost(host);
  return has;
}

/**
 * Rejects all hosts except one, which authenticates with these DH-HMAC-CHAP keys if there are any; connected hosts stay. The
 * kernel cannot take a key away, so the host is made again.
 */
export function admitWithKeys(
  nqn: string,
  host: string,
  { key, controllerKey }: { readonly key?: Buffer; readonly controllerKey?: Buffer },
): void {
  rmSync(`${folderOf(nqn)}/allowed_hosts/${host}`, { force: true });
  removeHost(host);
  mkdirSync(hostOf(host));
  if (key) {
    writeFileSync(`${hostOf(host)}/dhchap_key`, key);
    writeFileSync(`${hostOf(host)}/dhchap_dhgroup`, 'ffdhe2048');
  }
  if (controllerKey) writeFileSync(`${hostOf(host)}/dhchap_ctrl_key`, controllerKey);
  admitOnly(nqn, [host]);
}

/** Removes a host, which no subsystem may list. */
export function removeHost(host: string): void {
  if (existsSync(hostOf(host))) rmdirSync(hostOf(host));
}

export function admitHosts(nqn: string): void {
  writeFileSync(`${folderOf(nqn)}/attr_allow_any_host`, '1');
}
