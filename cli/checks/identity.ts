import { readFileSync } from 'node:fs';
import { type Finding, ok, warning } from './finding.js';

const files = { hostnqn: '/etc/nvme/hostnqn', hostid: '/etc/nvme/hostid' } as const;

/** A permanent host identity: without one, each process is another host for access lists and reservations. */
export function checkIdentity(): Finding {
  const nqn = read(files.hostnqn);
  const id = read(files.hostid);
  if (nqn === undefined) {
    return warning(
      'host identity',
      `${files.hostnqn} is missing: each process has another host NQN`,
      'nvme gen-hostnqn > /etc/nvme/hostnqn  (as root)',
    );
  }
  return ok('host identity', id === undefined ? nqn : `${nqn}, id ${id}`);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
