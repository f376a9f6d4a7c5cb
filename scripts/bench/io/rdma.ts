// Runs in the fabric: I/O over RDMA with the kernel's target. Prints one line of JSON; progress goes to stderr.

import { subsystems, transportId } from '../../fabric/topology.js';
import { rdmaCases } from './cases.js';
import { measureIo } from './measure.js';

const [, , rounds = '', seconds = ''] = process.argv;
const rows = await measureIo({
  // One namespace: perf drives every namespace of a controller, each at the full depth.
  transportId: transportId(subsystems.disk1.nqn),
  cases: rdmaCases,
  rounds: Number(rounds),
  seconds: Number(seconds),
  core: 0,
  report: (line) => console.error(line),
});
process.stdout.write(`${JSON.stringify(rows)}\n`);
