import { describeTargetFrozen } from '../integration/suites/target-frozen.js';
import { tcpBed } from './bed.js';

describeTargetFrozen('a target over TCP that stands still', tcpBed('4464', '4465'), 10);
