import type { NamespaceInfo } from './native.js';

/** A namespace of an attached controller. */
export class Namespace implements NamespaceInfo {
  readonly id: number;
  readonly blocks: number;
  readonly blockSize: number;
  readonly metadataSize: number;
  readonly nguid: string;
  readonly eui64: string;

  /** @internal */
  constructor(info: NamespaceInfo) {
    this.id = info.id;
    this.blocks = info.blocks;
    this.blockSize = info.blockSize;
    this.metadataSize = info.metadataSize;
    this.nguid = info.nguid;
    this.eui64 = info.eui64;
    Object.freeze(this);
  }

  /** The capacity in bytes. */
  get bytes(): number {
    return this.blocks * this.blockSize;
  }
}
