// What a namespace over one path and a namespace over several have in common.

import type { CopyRange } from '../io/copy.js';
import type {
  CopyOptions,
  DataOptions,
  OperationOptions,
  RangeOptions,
  RawIoCommand,
} from '../io/operation-options.js';
import type { IoLimits } from '../io/submission-queue.js';
import type { NamespaceReadStream } from '../streams/read-stream.js';
import type { ChunksOptions, ReadStreamOptions, WriteStreamOptions } from '../streams/stream-options.js';
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
   * number and the namespace id, with dots between: the place of the disk, where another disk may be later.
   */
  readonly deviceId: string;
  /** The capacity in bytes. */
  readonly bytes: number;
  read<Target extends NodeJS.ArrayBufferView>(target: Target, options: DataOptions): Promise<Target>;
  write(source: NodeJS.ArrayBufferView, options: DataOptions): Promise<void>;
  compare(source: NodeJS.ArrayBufferView, options: DataOptions): Promise<void>;
  readv<Target extends NodeJS.ArrayBufferView>(
    targets: readonly Target[],
    options: DataOptions,
  ): Promise<readonly Target[]>;
  writev(sources: readonly NodeJS.ArrayBufferView[], options: DataOptions): Promise<void>;
  flush(options?: OperationOptions): Promise<void>;
  writeZeroes(options: RangeOptions): Promise<void>;
  compareAndWrite(
    expected: NodeJS.ArrayBufferView,
    replacement: NodeJS.ArrayBufferView,
    options: DataOptions,
  ): Promise<void>;
  copy(sources: CopyRange | readonly CopyRange[], options: CopyOptions): Promise<void>;
  writeUncorrectable(options: RangeOptions): Promise<void>;
  verify(options: RangeOptions): Promise<void>;
  deallocate(options: RangeOptions): Promise<void>;
  raw(command: RawIoCommand, options?: OperationOptions): Promise<number>;
  chunks(options?: ChunksOptions): AsyncGenerator<Buffer, void, undefined>;
  createReadStream(options?: ReadStreamOptions): NamespaceReadStream;
  createWriteStream(options?: WriteStreamOptions): NamespaceWriteStream;
}

/** A namespace of one path. */
export interface PathNamespace extends NamespaceOperations {
  /** The tag of its commands, see NativeNamespaceInfo. */
  readonly tag: number;
  /** The limits of operations that have none, and the queue that they go to. */
  limitsFor(queuePair: undefined): IoLimits;
}
