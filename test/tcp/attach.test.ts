// Attach and detach on the host, over TCP on loopback, with SPDK's own target.

import { describeAttach } from '../integration/suites/attach.js';
import { startAttachTarget } from '../integration/suites/attach-target.js';
import { expectNoConnections, tcpConnections } from '../integration/suites/target.js';

const port = '4467';

describeAttach('attach and detach over TCP with nvmf_tgt', async () => ({
  ...(await startAttachTarget({ trtype: 'TCP', traddr: '127.0.0.1', trsvcid: port }, '4471')),
  queues: async () => tcpConnections([port]),
  expectNothingHeld: () => expectNoConnections([port]),
}));
