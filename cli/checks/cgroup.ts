// How much of a resource the cgroups of this process leave it: version 1, version 2, or both at the same time ("hybrid").
import type { Machine } from './machine.js';

/** The limit of a cgroup that leaves least. */
export interface Room {
  /** What is left of it. */
  readonly left: number;
  readonly limit: number;
  /** The file with the limit. */
  readonly file: string;
}

/** A limit and what is used of it, by the names of their files; without the second all of it counts as left. */
export type LimitFiles = readonly (readonly [limit: string, used?: string])[];

/** Version 1 writes "no limit" as the largest multiple of the page size. */
const unlimited = 2 ** 62;

/**
 * The limit of the process's cgroup, or of one above it, that leaves least; undefined if there is none.
 * @param controller as in /proc/self/cgroup
 */
export function cgroupRoom(
  machine: Machine,
  controller: 'hugetlb' | 'memory' | 'pids',
  files: { readonly v1: LimitFiles; readonly v2: LimitFiles },
): Room | undefined {
  const member = membershipOf(machine, controller);
  if (!member) return undefined;
  const rooms = ancestry(member.own).flatMap((below) =>
    files[member.version].flatMap(([limitFile, usedFile]): Room[] => {
      const folder = member.mount + below;
      const limit = Number(machine.read(`${folder}/${limitFile}`) ?? 'max');
      if (!(limit < unlimited)) return [];
      const used = usedFile === undefined ? 0 : Number(machine.read(`${folder}/${usedFile}`) ?? 0);
      return [{ left: Math.max(0, limit - used), limit, file: `${folder}/${limitFile}` }];
    }),
  );
  return rooms.sort((a, b) => a.left - b.left)[0];
}

interface Membership {
  readonly version: 'v1' | 'v2';
  /** Where the hierarchy is mounted, and the cgroup of this process below that. */
  readonly mount: string;
  readonly own: string;
}

function membershipOf(machine: Machine, controller: string): Membership | undefined {
  const lines = (machine.read('/proc/self/cgroup') ?? '').split('\n').map((line) => {
    const [, names = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return { names: names.split(','), path };
  });
  const first = lines.find(({ names }) => names.includes(controller));
  // A controller that no hierarchy of version 1 has is that of version 2, whose line names none.
  const line = first ?? lines.find(({ names, path }) => names[0] === '' && path !== '');
  if (!line) return undefined;
  const version = first ? 'v1' : 'v2';
  for (const mount of mountsOf(machine)) {
    const wanted =
      version === 'v2'
        ? mount.type === 'cgroup2'
        : mount.type === 'cgroup' && mount.options.includes(controller);
    if (!wanted) continue;
    // A container may see only its own part of the hierarchy.
    const root = mount.root === '/' ? '' : mount.root;
    const inside = line.path === root || line.path.startsWith(`${root}/`);
    return { version, mount: mount.folder, own: inside ? line.path.slice(root.length) : '' };
  }
  return undefined;
}

function mountsOf(machine: Machine) {
  return (machine.read('/proc/self/mountinfo') ?? '').split('\n').map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '', folder = ''] = before.split(' ');
    const [type = '', , options = ''] = after.split(' ');
    return { root, folder, type, options: options.split(',') };
  });
}

/** A path and all above it: `/a/b`, `/a` and the empty one of the mount itself. */
function ancestry(path: string): string[] {
  const names = path.split('/').filter(Boolean);
  return Array.from({ length: names.length + 1 }, (_, index) =>
    names
      .slice(0, names.length - index)
      .map((name) => `/${name}`)
      .join(''),
  );
}
