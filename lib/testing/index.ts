// The exports of `spdk-nvme/testing`: targets in memory with faults.

/** @module spdk-nvme/testing */

export type { MemoryDiscovery } from './discovery.js';
export type { WrittenEntry as MemoryDiscoveryEntry } from './discovery-log.js';
export type { MemoryCommand, MemoryFailure, MemoryRejection, MemoryTargetFaults } from './faults.js';
export type { MemoryKeys } from './keys.js';
export type { MemoryManagement } from './management.js';
export type { MemoryNamespace, MemoryNamespaceOptions } from './namespace.js';
export type { MemoryReservations } from './reservations.js';
export { type Simulation, simulate } from './simulation.js';
export type { MemorySubsystem } from './subsystem.js';
export type { MemoryAddress, MemoryTarget } from './target.js';
export type { MemoryZone } from './zone.js';
export type { MemoryZoneOptions, MemoryZones } from './zones.js';
