// The kernel's own target, as it is set up and changed through configfs while it runs.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { type FabricPort, ports } from '../fabric/topology.js';

const nvmet = '/sys/kernel/config/nvmet';
const folderOf = (nqn: string) => `${nvmet}/subsystems/${nqn}`;
const linkOf = (nqn: string, port: FabricPort) => `${nvmet}/ports/${port.id}/subsystems/${nqn}`;

const text = (file: string) => readFileSync(file, 'utf8').trim();

export interface ConfiguredNamespace {
  readonly id: number;
  readonly blockSize: number;
  readonly bytes: number;
  /** Hexadecimal digits; empty where none is set. */
  readonly nguid: string;
}

/** What the kernel's target says of one of its subsystems. */
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
      // In units of 512 bytes, whatever the block size.
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
  /** As a UUID is written. */
  readonly nguid?: string;
}

const namespaceOf = (nqn: string, id: number) => `${folderOf(nqn)}/namespaces/${id}`;

/** Makes a namespace of a subsystem; it is there for hosts at once. */
export function addNamespace(nqn: string, { id, device, nguid }: NewNamespace): void {
  const folder = namespaceOf(nqn, id);
  mkdirSync(folder);
  // Not every file system can do without the page cache.
  if (!device.startsWith('/dev/')) writeFileSync(`${folder}/buffered_io`, '1');
  writeFileSync(`${folder}/device_path`, device);
  if (nguid) writeFileSync(`${folder}/device_nguid`, nguid);
  enableNamespace(nqn, id);
}

/** Takes a namespace away for good. */
export function removeNamespace(nqn: string, id: number): void {
  rmdirSync(namespaceOf(nqn, id));
}

export function enableNamespace(nqn: string, id: number): void {
  writeFileSync(`${namespaceOf(nqn, id)}/enable`, '1');
}

export function disableNamespace(nqn: string, id: number): void {
  writeFileSync(`${namespaceOf(nqn, id)}/enable`, '0');
}

/** Puts a disabled namespace on another device. */
export function moveNamespace(nqn: string, id: number, device: string): void {
  writeFileSync(`${namespaceOf(nqn, id)}/device_path`, device);
}

/** Has the target look how large a namespace's device is by now. */
export function revalidateNamespace(nqn: string, id: number): void {
  writeFileSync(`${namespaceOf(nqn, id)}/revalidate_size`, '1');
}

/** Adds a subsystem to ports. Gives the function that takes it away again. */
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

/** Takes a subsystem off a port, if it is there; the target then ends its controllers there. */
export function withdraw(nqn: string, port: FabricPort = ports.rdma): void {
  if (existsSync(linkOf(nqn, port))) unlinkSync(linkOf(nqn, port));
}

/** Puts a subsystem back onto a port, if it is not there. */
export function allow(nqn: string, port: FabricPort = ports.rdma): void {
  if (!existsSync(linkOf(nqn, port))) symlinkSync(folderOf(nqn), linkOf(nqn, port));
}

/** Refuses hosts that the subsystem does not name; those that are connected stay. */
export function refuseHosts(nqn: string): void {
  writeFileSync(`${folderOf(nqn)}/attr_allow_any_host`, '0');
}

/** Refuses all hosts but these; those that are connected stay. */
export function admitOnly(nqn: string, hosts: readonly string[]): void {
  refuseHosts(nqn);
  for (const host of hosts) {
    mkdirSync(`${nvmet}/hosts/${host}`, { recursive: true });
    symlinkSync(`${nvmet}/hosts/${host}`, `${folderOf(nqn)}/allowed_hosts/${host}`);
  }
}

export function admitHosts(nqn: string): void {
  writeFileSync(`${folderOf(nqn)}/attr_allow_any_host`, '1');
}
