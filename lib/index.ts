import { type Advisory, advisoriesFor, type SpdkRelease } from './advisories.js';
import { checkBoolean, readOptions } from './arguments.js';
import { native } from './native.js';

export { Admin, type AdminResult, type ErrorLogEntry, type SmartLog } from './admin.js';
export type { AdminCommand, AdminOptions } from './admin-command.js';
export type { Advisory, SpdkRelease } from './advisories.js';
export { Batch, type BatchCloseOptions } from './batch.js';
export type { BatchWaitOptions } from './batch-waiters.js';
export { statusError } from './command-status.js';
export { Controller, type ControllerEvents, type DetachReport, type ResetReport } from './controller.js';
export type { DiagnosticsMessages } from './diagnostics.js';
export type { DmaBuffer } from './dma-memory.js';
export { Environment, type EnvironmentEvents } from './environment.js';
export {
  type CatalogueEntry,
  errorCatalogue,
  SpdkError,
  type SpdkErrorCode,
  SpdkTypeError,
} from './errors.js';
export type { HistoryEvent, HistoryKind } from './history.js';
export type { LogLine } from './log.js';
export type { LogPageOptions } from './log-page.js';
export {
  Namespace,
  type OperationOptions,
  type RangeOptions,
  type RawIoCommand,
  type TransferOptions,
} from './namespace.js';
export type {
  ControllerInfo,
  ControllerState,
  DetachPhases,
  NamespaceInfo,
  NamespaceProtection,
  OptimalSizes,
  SupportedCommands,
} from './native.js';
export type { ControllerNote } from './notes.js';
export type { NvmeStatus } from './nvme-status.js';
export type {
  AttachOptions,
  CloseOptions,
  DetachOptions,
  EnvironmentOptions,
  IdleMode,
  LogLevel,
  LogSink,
  PollingMode,
  ResetOptions,
} from './options.js';
export { type IoCounts, QueuePair } from './queue-pair.js';
export type {
  ControllerStats,
  EnvironmentStats,
  MemoryStats,
  PollerStats,
  TransportStats,
} from './stats.js';
export {
  type AddressFamily,
  formatTransportId,
  parseTransportId,
  type TransportId,
  type TransportIdObject,
  type TransportType,
} from './transport-id.js';

/**
 * The SPDK release that the addon was built with; `text` is SPDK's own name of it, as in `SPDK v20.07`. `patches` names
 * what this package's set-up changed in it, which is nothing where the SPDK is one of your own.
 * @throws {SpdkError} ERR_SPDK_ADDON_MISSING or ERR_SPDK_ADDON_BROKEN
 */
export function spdkVersion(): Required<SpdkRelease> & { readonly text: string } {
  const { patches, ...release } = native().version;
  return { ...release, patches: patches.split(' ').filter(Boolean) };
}

/**
 * The known hangs, leaks and crashes of the SPDK release that the addon was built with, and what this package does
 * about each.
 * @param options.all also those that do not concern this release
 * @throws {SpdkError} ERR_SPDK_ADDON_MISSING or ERR_SPDK_ADDON_BROKEN
 */
export function advisories(options?: { readonly all?: boolean | undefined }): Advisory[] {
  const all = readOptions(options, 'advisories options', ['all']).get('all');
  return advisoriesFor(spdkVersion(), { all: all === undefined ? false : checkBoolean(all, 'all') });
}
