import { describe, expect, it } from 'vitest';
import { checkAdvisories } from '../../cli/checks/software.js';
import { advisoriesFor } from '../../lib/diagnostics/advisories.js';

function release(text: string) {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map(Number);
  return { major, minor, patch };
}

function ids(text: string): string[] {
  return advisoriesFor(release(text)).map(({ id }) => id);
}

describe('advisoriesFor', () => {
  it.each([
    ['SPDK-3347', '22.05', '22.09', '24.05', '24.09'],
    ['SPDK-3401', '21.10', '22.01', '24.05', '24.09'],
    ['SPDK-POLL-GROUP-AFTER-DETACH', '20.04', '20.07', '22.01', '22.05'],
    ['SPDK-TCP-SOURCE-ADDRESS', '20.04', '20.07', '24.05', '24.09'],
    ['SPDK-QUEUED-ABORTS', '20.04', '20.07', '21.04', '21.07'],
    ['SPDK-TLS-EMPTY-SALT', '22.05', '22.09', '25.05', '25.09'],
  ])(
    '%s concerns no release before or after its bounds: %s, (%s, %s), %s',
    (id, before, first, last, fixed) => {
      expect(ids(before)).not.toContain(id);
      expect(ids(first)).toContain(id);
      expect(ids(last)).toContain(id);
      expect(ids(`${last}.7`)).toContain(id);
      expect(ids(fixed)).not.toContain(id);
    },
  );

  it.each([
    ['SPDK-STALE-LINGER', '26.01', '26.05'],
    ['SPDK-3559', '21.10', '22.01'],
    ['SPDK-FREE-IN-CALLBACK', '25.09', '26.01'],
    ['SPDK-DETACH-LIVE-QUEUES', '22.01', '22.05'],
  ])('%s concerns not %s, but every release from %s on', (id, before, first) => {
    expect(ids(before)).not.toContain(id);
    expect(ids(first)).toContain(id);
    expect(ids('30.01')).toContain(id);
  });

  it('leaves out what set-up’s own patch has fixed', () => {
    const id = 'SPDK-TCP-CONNECT-DATA';
    expect(ids('20.07')).toContain(id);
    expect(ids('20.10')).not.toContain(id);
    const patched = { ...release('20.07'), patches: ['tcp-connect-in-capsule'] };
    expect(advisoriesFor(patched).map((advisory) => advisory.id)).not.toContain(id);
    const other = { ...release('20.07'), patches: ['another'] };
    expect(advisoriesFor(other).map((advisory) => advisory.id)).toContain(id);
    const entry = advisoriesFor(patched, { all: true }).find((advisory) => advisory.id === id);
    expect(entry?.concernsLinkedRelease).toBe(false);
  });

  it('says which defences need archives of SPDK', () => {
    const defences = (linkage: 'static' | 'shared', dpdkLinkage: 'static' | 'shared') =>
      new Map(
        advisoriesFor({ ...release('20.07'), linkage, dpdkLinkage }).map(({ id, defence }) => [id, defence]),
      );
    const whole = defences('static', 'static');
    const differing = (other: Map<string, string>) =>
      [...whole.keys()].filter((id) => whole.get(id) !== other.get(id)).sort();
    const shared = defences('shared', 'shared');
    expect(differing(shared)).toEqual([
      'SPDK-CHANGED-NAMESPACES',
      'SPDK-HUGEPAGE-LIMIT',
      'SPDK-INHERITED-DESCRIPTORS',
      'SPDK-LATE-SEND',
      'SPDK-NESTED-POLL',
      'SPDK-PARKED-EVENT',
      'SPDK-SILENT-TARGET',
      'SPDK-TCP-UNREAD',
      'SPDK-UNREGISTERED-MEMORY',
    ]);
    for (const id of ['SPDK-LATE-SEND', 'SPDK-NESTED-POLL', 'SPDK-PARKED-EVENT', 'SPDK-SILENT-TARGET']) {
      expect(shared.get(id)).toMatch(/^None: .*archives\.$/);
    }
    // DPDK alone opens and maps the files of hugepages.
    expect(differing(defences('static', 'shared'))).toEqual([
      'SPDK-HUGEPAGE-LIMIT',
      'SPDK-INHERITED-DESCRIPTORS',
    ]);
    // Later releases need hardly any wrapped function.
    const later = advisoriesFor({ ...release('24.09'), linkage: 'shared', dpdkLinkage: 'shared' });
    expect(later.filter(({ needsArchives }) => needsArchives).map(({ id }) => id)).toEqual([
      'SPDK-UNREGISTERED-MEMORY',
      'SPDK-TLS-EMPTY-SALT',
    ]);
  });

  it('are all avoided, as doctor says, but with shared libraries', () => {
    const found = (linkage: 'static' | 'shared') =>
      checkAdvisories(advisoriesFor({ ...release('26.05'), linkage, dpdkLinkage: linkage }));
    expect(found('static')).toMatchObject({ level: 'ok', text: expect.stringContaining('each is avoided') });
    expect(found('shared')).toMatchObject({
      level: 'warning',
      text: expect.stringContaining('1 are not avoided'),
    });
    expect(checkAdvisories([])).toMatchObject({ level: 'ok' });
  });

  it('compares years before months', () => {
    expect(ids('23.01')).toContain('SPDK-3347');
    expect(ids('25.01')).not.toContain('SPDK-3347');
  });

  it('gives with all: true the same entries for every release, each marked', () => {
    const everything = advisoriesFor(release('20.07'), { all: true });
    expect(advisoriesFor(release('26.09'), { all: true }).map(({ id }) => id)).toEqual(
      everything.map(({ id }) => id),
    );
    expect(everything.filter((advisory) => advisory.concernsLinkedRelease)).toEqual(
      advisoriesFor(release('20.07')),
    );
    expect(everything.some((advisory) => !advisory.concernsLinkedRelease)).toBe(true);
  });

  it('has whole entries, with different ids', () => {
    const everything = advisoriesFor(release('20.07'), { all: true });
    expect(new Set(everything.map(({ id }) => id)).size).toBe(everything.length);
    for (const advisory of everything) {
      expect(advisory.id).toMatch(/^SPDK-(\d+|[A-Z]+(-[A-Z]+)*)$/);
      expect(advisory.consequence).toMatch(/^[A-Z].*\.$/);
      expect(advisory.defence).toMatch(/^[A-Z].*\.$/);
      const [issue] = advisory.issues;
      expect(advisory.url).toBe(
        issue === undefined ? undefined : `https://github.com/spdk/spdk/issues/${issue}`,
      );
      expect(advisory.id === `SPDK-${issue}`).toBe(issue !== undefined);
    }
  });

  it('hands out entries that cannot be changed', () => {
    for (const advisory of advisoriesFor(release('23.01'), { all: true })) {
      expect(Object.isFrozen(advisory)).toBe(true);
      expect(Object.isFrozen(advisory.issues)).toBe(true);
      expect(Object.isFrozen(advisory.affected)).toBe(true);
    }
  });
});
