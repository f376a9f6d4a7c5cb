import { describeManyDetached } from '../integration/suites/many-detached.js';
import { expectNoConnections } from '../integration/suites/target.js';

const ports = ['4468', '4469'] as const;
const listenerAt = (trsvcid: string) => ({ trtype: 'TCP', traddr: '127.0.0.1', trsvcid }) as const;

describeManyDetached('64 controllers over TCP, when the target of half of them', {
  listeners: [listenerAt(ports[0]), listenerAt(ports[1])],
  controllers: 64,
  expectNothingHeld: (limitMs) => expectNoConnections(ports, limitMs),
});
