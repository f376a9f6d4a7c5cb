import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { ports } from './fabric.js';

const nvmet = '/sys/kernel/config/nvmet';
const folderOf = (nqn: string) => `${nvmet}/subsystems/${nqn}`;
const linkOf = (nqn: string) => `${nvmet}/ports/${ports.rdma.id}/subsystems/${nqn}`;

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
  readonly device: string;
  /** As a UUID is written. */
  readonly nguid?: string;
}

/** Adds a subsystem to the RDMA port. Gives the function that takes it away again. */
export function addSubsystem(nqn: string, serial: string, namespaces: readonly NewNamespace[]): () => void {
  const folder = folderOf(nqn);
  mkdirSync(folder);
  writeFileSync(`${folder}/attr_allow_any_host`, '1');
  writeFileSync(`${folder}/attr_serial`, serial);
  for (const { id, device, nguid } of namespaces) {
    mkdirSync(`${folder}/namespaces/${id}`);
    writeFileSync(`${folder}/namespaces/${id}/device_path`, device);
    if (nguid) writeFileSync(`${folder}/namespaces/${id}/device_nguid`, nguid);
    writeFileSync(`${folder}/namespaces/${id}/enable`, '1');
  }
  allow(nqn);
  return () => {
    withdraw(nqn);
    for (const { id } of namespaces) rmdirSync(`${folder}/namespaces/${id}`);
    rmdirSync(folder);
  };
}

/** Takes a subsystem off the RDMA port; the target then ends its controllers there. */
export function withdraw(nqn: string): void {
  unlinkSync(linkOf(nqn));
}

/** Puts a subsystem back onto the RDMA port. */
export function allow(nqn: string): void {
  symlinkSync(folderOf(nqn), linkOf(nqn));
}
