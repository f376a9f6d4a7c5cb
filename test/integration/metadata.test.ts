// Metadata and protection information over RDMA: each type, in the first and in the last bytes, alone and beside other metadata.

import { link } from '../../scripts/fabric/topology.js';
import { describeMetadata } from './suites/metadata.js';

const [address] = link.addresses[0].split('/') as [string];

describeMetadata({ trtype: 'RDMA', traddr: address, trsvcid: '4471' }, [
  { size: 8, protectionType: 1, first: true },
  { size: 16, protectionType: 2, first: false },
  { size: 8, protectionType: 3, first: false },
]);
