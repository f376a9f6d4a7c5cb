import { describeTargetSilent } from '../integration/suites/target-silent.js';
import { tcpEnvironment } from './fault-environment.js';

describeTargetSilent('a target over TCP that falls silent', tcpEnvironment('4466', '4467'));
