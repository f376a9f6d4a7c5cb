import { describeTargetFrozen } from '../integration/suites/target-frozen.js';
import { tcpEnvironment } from './fault-environment.js';

describeTargetFrozen('a target over TCP that stands still', tcpEnvironment('4464', '4465'), 7);
