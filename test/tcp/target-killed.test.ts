import { describeTargetKilled } from '../integration/suites/target-killed.js';
import { tcpEnvironment } from './fault-environment.js';

describeTargetKilled('a target over TCP that is killed', tcpEnvironment('4462', '4463'), 4);
