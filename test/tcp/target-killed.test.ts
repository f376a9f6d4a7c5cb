import { describeTargetKilled } from '../integration/suites/target-killed.js';
import { tcpBed } from './bed.js';

describeTargetKilled('a target over TCP that is killed', tcpBed('4462', '4463'), 10);
