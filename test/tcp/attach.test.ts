// Attach and detach on the host, over TCP on loopback, with SPDK's own target.

import { describeAttach } from '../integration/suites/attach.js';
import { startAttachTarget } from '../integration/suites/attach-target.js';
import { expectNoConnections, tcpConnections } from '../integration/suites/target.js';

const port = '4467';

for (const traddr of ['127.0.0.1', '::1']) {
  describeAttach(`attach and detach over TCP with nvmf_tgt at ${traddr}`, async () => ({
    ...(await startAttachTarget({ trtype: 'TCP', traddr, trsvcid: port }, '4471')),
    queues: async () => tcpConnections([port]),
    expectNothingHeld: () => expectNoConnections([port]),
  }));
}
