// Runs in the fabric: controllers of as many subsystems of the kernel's target. Prints one line of JSON; progress goes
// to stderr.

import fs from 'node:fs';
import { ports, subsystems, transportId } from '../../fabric/topology.js';
import { mostControllers } from './cases.js';
import { measureMemory } from './measure.js';

const nvmet = '/sys/kernel/config/nvmet';

/** One more subsystem over a disk that is there. Gives the function that takes it away again. */
function addSubsystem(nqn: string): () => void {
  const folder = `${nvmet}/subsystems/${nqn}`;
  const link = `${nvmet}/ports/${ports.rdma.id}/subsystems/${nqn}`;
  fs.mkdirSync(`${folder}`);
  fs.writeFileSync(`${folder}/attr_allow_any_host`, '1');
  fs.mkdirSync(`${folder}/namespaces/1`);
  fs.writeFileSync(`${folder}/namespaces/1/device_path`, `/dev/${subsystems.disk0.namespaces[0]?.disk}`);
  fs.writeFileSync(`${folder}/namespaces/1/enable`, '1');
  fs.symlinkSync(folder, link);
  return () => {
    fs.unlinkSync(link);
    fs.rmdirSync(`${folder}/namespaces/1`);
    fs.rmdirSync(folder);
  };
}

const nqns = Array.from({ length: mostControllers }, (_, i) => `nqn.2026-11.dev.spdk-nvme:memory${i}`);
const removals = nqns.map(addSubsystem);
try {
  const ids = nqns.map((nqn) => transportId(nqn));
  const rows = await measureMemory('rdma', ids, (line) => console.error(line));
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  for (const remove of removals) remove();
}
