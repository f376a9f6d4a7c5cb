import { describeTargetKilled } from '../suites/target-killed.js';
import { rdmaEnvironment } from './environment.js';

describeTargetKilled('a target over RDMA that is killed', rdmaEnvironment('4471'), 2);
