import { describeManyDetached } from '../suites/many-detached.js';
import { rdmaBed } from './bed.js';

const [dead, alive] = [rdmaBed('4474'), rdmaBed('4475')];

describeManyDetached('64 controllers over RDMA, when the target of half of them', {
  listeners: [dead.listener, alive.listener],
  controllers: 64,
  expectNothingHeld: dead.expectNothingHeld,
});
