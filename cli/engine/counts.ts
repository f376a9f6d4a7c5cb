/** RDMA resources under the names that the kernel gives them. */
export const rdmaKinds = ['pd', 'cq', 'qp', 'cm_id', 'mr'] as const;
/** What a run can leak, in the order of the report. */
export const resourceKinds = [...rdmaKinds, 'fd', 'threads', 'hugepages'] as const;
export type RdmaKind = (typeof rdmaKinds)[number];
export type ResourceKind = (typeof resourceKinds)[number];

/** How many of each resource there are. */
export type Counts = Readonly<Record<ResourceKind, number>>;
export type RdmaCounts = Readonly<Record<RdmaKind, number>>;

export function countsOf(count: (kind: ResourceKind) => number): Counts {
  return Object.fromEntries(resourceKinds.map((kind) => [kind, count(kind)])) as Record<ResourceKind, number>;
}

/** What there is more of than before. Having less is no leak, and makes up for none. */
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

/** Newer releases of SPDK keep a protection domain for each device, and librdmacm's with it, till the process ends. */
const keptBySpdk: RdmaKind = 'pd';

/** What RDMA resources there were of the kinds that SPDK has none of between two lives of an environment. */
export function rdmaOf(counts: Counts): Partial<RdmaCounts> {
  return Object.fromEntries(
    rdmaKinds.filter((kind) => kind !== keptBySpdk).map((kind) => [kind, counts[kind]]),
  );
}
