// Counts of the resources that a run can leak.

/** RDMA resources by the names of the kernel. */
export const rdmaKinds = ['pd', 'cq', 'qp', 'cm_id', 'mr'] as const;
/** What a run can leak, in the order of the report. */
export const resourceKinds = [...rdmaKinds, 'fd', 'threads', 'hugepages'] as const;
type RdmaKind = (typeof rdmaKinds)[number];
export type ResourceKind = (typeof resourceKinds)[number];

/** The number of each resource. */
export type Counts = Readonly<Record<ResourceKind, number>>;
export type RdmaCounts = Readonly<Record<RdmaKind, number>>;

export function countsOf(count: (kind: ResourceKind) => number): Counts {
  return Object.fromEntries(resourceKinds.map((kind) => [kind, count(kind)])) as Record<ResourceKind, number>;
}

/** The resources that have increased. A decrease of one is no leak and does not compensate for another. */
export function leaked(before: Counts, after: Counts): Counts {
  return countsOf((kind) => Math.max(0, after[kind] - before[kind]));
}

/** The larger count of each kind. */
export function worst(...counts: readonly Counts[]): Counts {
  return countsOf((kind) => Math.max(0, ...counts.map((each) => each[kind])));
}

export function total(counts: Counts): number {
  return resourceKinds.reduce((sum, kind) => sum + counts[kind], 0);
}

export function equal(left: Counts, right: Counts): boolean {
  return resourceKinds.every((kind) => left[kind] === right[kind]);
}

/** Newer releases of SPDK keep a protection domain for each device, and one of librdmacm, until the process ends. */
const keptBySpdk: RdmaKind = 'pd';

/** The RDMA resources of the kinds that SPDK keeps none of between two environments. */
export function rdmaOf(counts: Counts): Partial<RdmaCounts> {
  return Object.fromEntries(
    rdmaKinds.filter((kind) => kind !== keptBySpdk).map((kind) => [kind, counts[kind]]),
  );
}
