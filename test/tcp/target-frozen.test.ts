import { describeTargetFrozen } from '../integration/suites/target-frozen.js';
import { tcpEnvironment } from './fault-environment.js';

describeTargetFrozen('a target over TCP that hangs', tcpEnvironment('4464', '4465'), 3);
