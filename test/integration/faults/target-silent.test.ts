import { describeTargetSilent } from '../suites/target-silent.js';
import { rdmaEnvironment } from './environment.js';

describeTargetSilent('a target over RDMA that falls silent', rdmaEnvironment('4473'));
