import { describeTargetFrozen } from '../suites/target-frozen.js';
import { rdmaEnvironment } from './environment.js';

describeTargetFrozen('a target over RDMA that hangs', rdmaEnvironment('4472'), 2);
