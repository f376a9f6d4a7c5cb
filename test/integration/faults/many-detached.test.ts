import { describeManyDetached } from '../suites/many-detached.js';
import { rdmaEnvironment } from './environment.js';

const [dead, alive] = [rdmaEnvironment('4474'), rdmaEnvironment('4475')];

describeManyDetached('64 controllers over RDMA, when the target of half of them', {
  listeners: [dead.listener, alive.listener],
  controllers: 64,
  expectNothingHeld: dead.expectNothingHeld,
});
