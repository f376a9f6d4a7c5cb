import { describeTargetSilent } from '../integration/suites/target-silent.js';
import { tcpBed } from './bed.js';

describeTargetSilent('a target over TCP that falls silent', tcpBed('4466', '4467'));
