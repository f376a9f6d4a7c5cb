// Which disk a namespace id belongs to, where paths have different ones under it.

/** A disk as one path has it. */
interface Claim {
  /** Its identity. */
  readonly key: string;
  /** The namespace id. */
  readonly id: number;
  readonly path: { readonly connected: boolean; readonly givenUp: boolean };
  /** Whether the subsystem has it. */
  readonly known: boolean;
  /** Whether the path was connected when the id belonged to another disk. */
  readonly foreign: boolean;
}

/**
 * The key that each id belongs to. The earlier one keeps it, except where only paths that are lost still have that: another disk has taken
 * its place. One that was there beside it before takes its place only when these paths do not come back.
 */
export function ownersOf(claims: readonly Claim[]): ReadonlyMap<number, string> {
  const connected = claims.filter(({ path }) => path.connected);
  const fresh = connected.filter(({ foreign }) => !foreign);
  const known = claims.filter((claim) => claim.known);
  const inOrder = [
    ...fresh.filter((claim) => claim.known),
    ...fresh,
    ...known.filter(({ path }) => !path.givenUp),
    ...connected,
    ...known,
    ...claims,
  ];
  const owners = new Map<number, string>();
  for (const { key, id } of inOrder) if (!owners.has(id)) owners.set(id, key);
  return owners;
}
