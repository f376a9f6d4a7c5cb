import { describeTargetFrozen } from '../suites/target-frozen.js';
import { rdmaBed } from './bed.js';

describeTargetFrozen('a target over RDMA that stands still', rdmaBed('4472'), 4);
