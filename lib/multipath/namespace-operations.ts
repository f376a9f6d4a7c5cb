// What a namespace over one path and a namespace over several have in common.

import type {
  OperationOptions,
  RangeOptions,
  RawIoCommand,
  TransferOptions,
} from '../io/operation-options.js';
import type { IoLimits } from '../io/submission-queue.js';
import type { NamespaceReadStream } from '../streams/read-stream.js';
import type { ReadStreamOptions, WriteStreamOptions } from '../streams/stream-options.js';
import type { NamespaceWriteStream } from '../streams/write-stream.js';
import type { NamespaceInfo } from '../types.js';

/**
 * A namespace, whether it is reached over one path ({@link Namespace}) or over several ({@link SubsystemNamespace}).
 * Code that takes this type works with both; {@link Namespace} describes each method.
 */
export interface NamespaceOperations extends NamespaceInfo {
  /**
   * A name of the disk that stays the same over every path and reset, and that Linux has in `/sys/block/…/wwid`: `uuid.` and the UUID,
   * else `eui.` and the NGUID, else `eui.` and the EUI-64. Without any of them `nsid.`, the subsystem's NQN, the controller's serial
   * number and the namespace id, with dots between: the place of the disk, which another one can come to.
   */
  readonly deviceId: string;
  /** The capacity in bytes. */
  readonly bytes: number;
  read<Target extends NodeJS.ArrayBufferView>(target: Target, options: TransferOptions): Promise<Target>;
  write(source: NodeJS.ArrayBufferView, options: TransferOptions): Promise<void>;
  compare(source: NodeJS.ArrayBufferView, options: TransferOptions): Promise<void>;
  readv<Target extends NodeJS.ArrayBufferView>(
    targets: readonly Target[],
    options: TransferOptions,
  ): Promise<readonly Target[]>;
  writev(sources: readonly NodeJS.ArrayBufferView[], options: TransferOptions): Promise<void>;
  flush(options?: OperationOptions): Promise<void>;
  writeZeroes(options: RangeOptions): Promise<void>;
  verify(options: RangeOptions): Promise<void>;
  deallocate(options: RangeOptions): Promise<void>;
  raw(command: RawIoCommand, options?: OperationOptions): Promise<number>;
  chunks(options?: ReadStreamOptions): AsyncGenerator<Buffer, void, undefined>;
  createReadStream(options?: ReadStreamOptions): NamespaceReadStream;
  createWriteStream(options?: WriteStreamOptions): NamespaceWriteStream;
}

/** A namespace of one path. */
export interface PathNamespace extends NamespaceOperations {
  /** Of its commands, see NativeNamespaceInfo. */
  readonly tag: number;
  /** The limits of operations that have none, and the queue that they go to. */
  limitsFor(queuePair: undefined): IoLimits;
}
