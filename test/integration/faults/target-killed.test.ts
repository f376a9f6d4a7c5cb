import { describeTargetKilled } from '../suites/target-killed.js';
import { rdmaBed } from './bed.js';

describeTargetKilled('a target over RDMA that is killed', rdmaBed('4471'), 4);
