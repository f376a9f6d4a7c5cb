// The check of this host's NQN and identifier.

import { readHostFiles } from 'spdk-nvme';
import { type Finding, ok, warning } from './finding.js';
import type { Machine } from './machine.js';

const check = 'host identity';
// A machine need not have nvme-cli, nor the folder, nor uuidgen.
const uuid = '$(cat /proc/sys/kernel/random/uuid)';
const makeNqn = `mkdir -p /etc/nvme; echo nqn.2014-08.org.nvmexpress:uuid:${uuid} > /etc/nvme/hostnqn  (as root)`;
const makeId = `echo ${uuid} > /etc/nvme/hostid  (as root)`;

/**
 * A permanent host identity: without one, each process is another host for access lists and reservations.
 * @param asked `--hostnqn` and `--hostid`, which come before the machine's
 */
export function checkIdentity(
  machine: Machine,
  asked: { readonly hostnqn?: string; readonly hostid?: string },
): Finding {
  const { nqn, id, problems } = readHostFiles(`${machine.root}/etc/nvme`);
  if (asked.hostnqn !== undefined)
    return ok(check, [asked.hostnqn, asked.hostid && `id ${asked.hostid}`].filter(Boolean).join(', '));
  if (problems.length > 0) {
    return warning(
      check,
      problems.join('; '),
      problems.some((problem) => problem.includes('/hostnqn')) ? makeNqn : makeId,
    );
  }
  if (nqn === undefined)
    return warning(
      check,
      '/etc/nvme has no hostnqn and no hostid: each process has another host NQN',
      makeNqn,
    );
  const shown = asked.hostid ?? id;
  return ok(check, shown === undefined ? nqn : `${nqn}, id ${shown}`);
}
