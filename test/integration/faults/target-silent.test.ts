import { describeTargetSilent } from '../suites/target-silent.js';
import { rdmaBed } from './bed.js';

describeTargetSilent('a target over RDMA that falls silent', rdmaBed('4473'));
