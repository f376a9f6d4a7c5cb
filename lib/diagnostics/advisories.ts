// Which advisories concern a release of SPDK.

import { type AdvisoryEntry, allAdvisories, onlyInArchives } from './advisory-data.js';

/** A release of SPDK: v24.09.1 is `{ major: 24, minor: 9, patch: 1 }`. */
export interface SpdkRelease {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** The patches of this package, if set-up built it (docs/internals/spdk-releases.md). */
  readonly patches?: readonly string[];
}

/** A known hang, leak or crash of SPDK, and how this package avoids it. */
export interface Advisory extends Omit<AdvisoryEntry, 'defenceWhenShared' | 'defenceNeedsDpdk'> {
  /** Whether there is no defence only because the addon is linked with shared libraries. */
  readonly needsArchives: boolean;
  /** SPDK's issue, if there is one. */
  readonly url?: string;
  /** Whether the linked release is among those affected. */
  readonly concernsLinkedRelease: boolean;
}

/** How the addon is linked with SPDK or DPDK: with archives, or with shared libraries. */
export type Linkage = 'static' | 'shared';

/** The linkage of both, which decides about defences that need archives. Default: archives. */
export interface Linkages {
  readonly linkage?: Linkage;
  readonly dpdkLinkage?: Linkage;
}

/**
 * The known hangs, leaks and crashes of an SPDK release.
 * @param options.all also returns those that do not concern this release, marked as such
 */
export function advisoriesFor(
  release: SpdkRelease & Linkages,
  options: { readonly all?: boolean } = {},
): Advisory[] {
  return allAdvisories
    .map(({ defenceWhenShared, defenceNeedsDpdk, ...problem }): Advisory => {
      const shared = release.linkage === 'shared' || (defenceNeedsDpdk && release.dpdkLinkage === 'shared');
      const [issue] = problem.issues;
      const defence = (shared && defenceWhenShared) || problem.defence;
      return Object.freeze({
        ...problem,
        defence,
        needsArchives: defence === onlyInArchives,
        issues: Object.freeze([...problem.issues]),
        affected: Object.freeze({ ...problem.affected }),
        ...(issue === undefined ? {} : { url: `https://github.com/spdk/spdk/issues/${issue}` }),
        concernsLinkedRelease: isAffected(release, problem.affected) && !isPatched(release, problem),
      });
    })
    .filter((advisory) => options.all || advisory.concernsLinkedRelease);
}

function isPatched({ patches = [] }: SpdkRelease, { patch }: AdvisoryEntry): boolean {
  return patch !== undefined && patches.includes(patch);
}

function isAffected(release: SpdkRelease, { first, fixed }: AdvisoryEntry['affected']): boolean {
  const year = release.major;
  const month = release.minor;
  const isBefore = ([otherYear, otherMonth]: readonly [number, number]) =>
    year < otherYear || (year === otherYear && month < otherMonth);
  return !(first && isBefore(first)) && (!fixed || isBefore(fixed));
}
