// The exports of `spdk-nvme/file`: a namespace as a file.

/** @module spdk-nvme/file */

export type { FileData, FileReadOptions, PartOptions, WholeFileOptions } from './arguments.js';
export type { FileReadStreamOptions, FileWriteStreamOptions } from './file-streams.js';
export { NamespaceFile, type OpenOptions, open } from './namespace-file.js';
export type { FileStats } from './stats.js';
