import fs from 'node:fs';
import os from 'node:os';
import { spdkVersion } from 'spdk-nvme';

/** Where something was measured. */
export interface Surroundings {
  /** When the report was made, in ISO 8601. */
  readonly time: string;
  /** SPDK's own name of its release. */
  readonly spdk: string;
  readonly node: string;
  readonly kernel: string;
  readonly processor: string;
  readonly processors: number;
  /** How this machine's TCP limits what it sends, such as `cubic`: large reads and writes depend on it. */
  readonly tcpCongestionControl: string;
}

export function surroundings(): Surroundings {
  const processors = os.cpus();
  return {
    time: new Date().toISOString(),
    spdk: spdkVersion().text,
    node: process.version,
    kernel: os.release(),
    processor: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    tcpCongestionControl: congestionControl(),
  };
}

function congestionControl(): string {
  try {
    return fs.readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
  } catch {
    // Some containers hide the kernel's settings.
    return 'unknown';
  }
}
