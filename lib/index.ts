// The exports of the package.

/** @module spdk-nvme */

import { type Advisory, advisoriesFor, type Linkages, type SpdkRelease } from './diagnostics/advisories.js';
import { loadedFile, native } from './native/addon.js';
import { checkBoolean, readOptions } from './options/arguments.js';

export { Admin, type AdminResult, type ErrorLogEntry, type SmartLog } from './admin.js';
export type { AttachAllOptions, AttachAllReport, SkipReason } from './attach-all.js';
export { Batch, type BatchCloseOptions } from './batch.js';
export { Controller, type ControllerEvents, type LogLine } from './controller.js';
export type { Advisory, Linkage, Linkages, SpdkRelease } from './diagnostics/advisories.js';
export type { ReleaseMonth, ReleaseRange } from './diagnostics/advisory-data.js';
export type { HistoryEvent, HistoryKind } from './diagnostics/history.js';
export type { ControllerNote } from './diagnostics/notes.js';
export type { DiscoveryChange } from './discovery/changes.js';
export type {
  DiscoveryEntry,
  DiscoveryFailure,
  DiscoveryLog,
  RdmaPort,
  SecureChannel,
} from './discovery/log.js';
export { DiscoveryWatch, type DiscoveryWatchEvents } from './discovery-watch.js';
export {
  type DiagnosticsMessages,
  Environment,
  type EnvironmentEvents,
  type SharedEnvironment,
} from './environment.js';
export type {
  EnvironmentStats,
  ExportedController,
  ExportedPath,
  ExportedSubsystem,
} from './environment-stats.js';
export type { NvmeStatus } from './errors/nvme-status.js';
export {
  type CatalogueEntry,
  errorCatalogue,
  type OperationOutcome,
  SpdkError,
  type SpdkErrorCode,
  type SpdkErrorDetails,
  SpdkTypeError,
} from './errors/spdk-error.js';
export type { BatchCommand, BatchCompletion, BatchTransfer } from './io/batch-command.js';
export { statusError } from './io/batch-command.js';
export type { BatchWaitOptions } from './io/batch-waiters.js';
export type { DmaBuffer } from './io/dma-memory.js';
export type { ProtectionOptions } from './io/metadata-options.js';
export type { OnTimeout } from './io/request.js';
export {
  type BlockFormatOptions,
  type CreateNamespaceOptions,
  type FirmwareActivation,
  type FirmwareCommitOptions,
  type FirmwareDownloadOptions,
  type FormatOptions,
  Management,
  type NamespaceAttachmentOptions,
  type SanitizeAction,
  type SanitizeOptions,
  type SelfTestOptions,
} from './management.js';
export type { AnaState } from './multipath/ana.js';
export type { SubsystemHistoryEvent, SubsystemHistoryKind } from './multipath/history.js';
export type { NamespaceOperations } from './multipath/namespace-operations.js';
export {
  type CopyOptions,
  type CopyRange,
  type DataFlags,
  type DataOptions,
  Namespace,
  type OperationOptions,
  type RangeOptions,
  type RawIoCommand,
  type TransferOptions,
} from './namespace.js';
export { decodeNamespaceDescriptors, type NamespaceDescriptor } from './nvme/namespace-descriptors.js';
export type { SanitizeLog } from './nvme/sanitize.js';
export type { SelfTestLog, SelfTestResult } from './nvme/self-test.js';
export type { AdminCommand, AdminOptions } from './options/admin-command.js';
export type { AttachOptions, PollingMode } from './options/attach.js';
export type { ChangeKeysOptions } from './options/change-keys.js';
export type { DetachOptions } from './options/detach.js';
export type { DiscoverOptions, WatchDiscoveryOptions } from './options/discover.js';
export type { CloseOptions, EnvironmentOptions, IdleMode, LogLevel, LogSink } from './options/environment.js';
export { type HostFiles, type HostIdentity, readHostFiles } from './options/host-identity.js';
export type { DhchapDigest, DhchapGroup, DhchapOptions, Secret, TlsOptions } from './options/keys.js';
export type { LogPageOptions } from './options/log-page.js';
export type { ResetOptions } from './options/reset.js';
export type {
  PathPolicy,
  PathSelector,
  SubsystemOptions,
  SubsystemPathOptions,
} from './options/subsystem.js';
export {
  type AddressFamily,
  formatTransportId,
  parseTransportId,
  type TransportId,
  type TransportIdObject,
  type TransportType,
} from './options/transport-id.js';
export { QueuePair } from './queue-pair.js';
export {
  type AcquireOptions,
  type RegisterOptions,
  type Registrant,
  type ReservationNotification,
  type ReservationReport,
  Reservations,
  type ReservationType,
} from './reservations.js';
export { EnvironmentShare } from './shared-environment.js';
export {
  type ExportStatsOptions,
  exportStats,
  type StatsExport,
  type StatsSnapshot,
  statsFolder,
} from './stats-export.js';
export type { NamespaceReadStream } from './streams/read-stream.js';
export type { ChunksOptions, ReadStreamOptions, WriteStreamOptions } from './streams/stream-options.js';
export type { NamespaceWriteStream } from './streams/write-stream.js';
export {
  Subsystem,
  type SubsystemDetachReport,
  type SubsystemEvents,
  type SubsystemMessages,
} from './subsystem.js';
export { SubsystemNamespace } from './subsystem-namespace.js';
export { type PathState, type PathStats, SubsystemPath } from './subsystem-path.js';
export type { TracingMessages, TracingOutcome } from './tracing-messages.js';
export type {
  AttachReport,
  ControllerInfo,
  ControllerState,
  ControllerStats,
  CopyLimits,
  DetachPhases,
  DetachReport,
  LatencyStats,
  MemoryStats,
  NamespaceInfo,
  NamespaceProtection,
  OptimalSizes,
  PollerStats,
  ResetReport,
  SupportedCommands,
  TransportStats,
} from './types.js';

/**
 * The SPDK release that the addon was built with; `text` is SPDK's own name of it, as in `SPDK v20.07`. `patches` lists
 * the patches that this package's set-up applied; with your own SPDK there are none. `linkage` and `dpdkLinkage` say
 * whether SPDK and DPDK are linked as archives (`static`) or as shared libraries (`shared`), with which some defences are
 * off: see {@link advisories}. `file` is the addon that is loaded: built on this machine, or of the
 * binary package; empty with the targets in memory of `spdk-nvme/testing`.
 * @throws {SpdkError} ERR_SPDK_ADDON_MISSING, ERR_SPDK_ADDON_BROKEN or ERR_SPDK_NO_DESCRIPTORS
 */
export function spdkVersion(): Required<SpdkRelease & Linkages> & {
  readonly text: string;
  readonly file: string;
} {
  const { patches, firstWithVerify: _, ...release } = native().version;
  return { ...release, patches: patches.split(' ').filter(Boolean), file: loadedFile() };
}

/**
 * The known hangs, leaks and crashes of the SPDK release that the addon was built with, and how each is avoided.
 * @param options.all also lists those that do not concern this release
 * @throws {SpdkError} ERR_SPDK_ADDON_MISSING, ERR_SPDK_ADDON_BROKEN or ERR_SPDK_NO_DESCRIPTORS
 */
export function advisories(options?: { readonly all?: boolean | undefined }): Advisory[] {
  const all = readOptions(options, 'advisories options', ['all']).get('all');
  return advisoriesFor(spdkVersion(), { all: all === undefined ? false : checkBoolean(all, 'all') });
}
export {
  type Zone,
  type ZoneAppendOptions,
  type ZonedInfo,
  type ZoneLike,
  type ZoneReportOptions,
  type ZoneState,
  Zones,
} from './zones.js';
