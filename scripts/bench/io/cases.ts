// The cases of the section on I/O.

import type { PollingMode } from '../../../lib/index.js';

/** One way to do the same I/O: both sides, one target, one block size, one depth. */
export interface IoCase {
  readonly transport: 'tcp' | 'rdma';
  readonly op: 'randread' | 'read';
  readonly blockSize: number;
  readonly queueDepth: number;
}

/** How the package is used. */
export interface IoApi {
  readonly api: 'promise' | 'batch';
  readonly polling: PollingMode;
}

export const tcpCases: readonly IoCase[] = [
  { transport: 'tcp', op: 'randread', blockSize: 4096, queueDepth: 1 },
  { transport: 'tcp', op: 'randread', blockSize: 4096, queueDepth: 32 },
  { transport: 'tcp', op: 'randread', blockSize: 4096, queueDepth: 128 },
  { transport: 'tcp', op: 'read', blockSize: 131_072, queueDepth: 32 },
];

export const rdmaCases: readonly IoCase[] = [1, 8, 32].map((queueDepth) => ({
  transport: 'rdma',
  op: 'randread',
  blockSize: 4096,
  queueDepth,
}));

export const apis: readonly IoApi[] = [
  { api: 'batch', polling: 'inline' },
  { api: 'promise', polling: 'inline' },
  { api: 'batch', polling: 'adaptive' },
  { api: 'promise', polling: 'adaptive' },
  { api: 'batch', polling: 'threads' },
  { api: 'promise', polling: 'threads' },
];

/** The results of one run. */
export interface IoResult {
  readonly iops: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly cpuSecondsPerMillion: number;
}
