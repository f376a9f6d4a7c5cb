// Problems of a controller that can be fixed on the target.

/** A problem of a controller that can be fixed on the target. */
export interface ControllerNote {
  /** Never changes its meaning; for programs. */
  readonly id: 'NAMESPACES_ABOVE_NN' | 'BLOCKS_TOO_SMALL';
  /** The ids of the namespaces concerned, at most the first 1024. */
  readonly namespaces: readonly number[];
  readonly consequence: string;
  readonly remedy: string;
}

/** Smaller ones do not exist (NVM command set specification, "LBA Format Data Structure": LBADS below 9). */
export const leastBlockSize = 512;

/** @internal What is to be noted of a controller. */
export interface Notable {
  /** Namespaces that the controller has and SPDK skips. */
  readonly hidden: readonly number[];
  readonly maxNamespaces: number;
  /** Namespaces with smaller blocks than there are. */
  readonly tooSmall: readonly number[];
}

/** @internal */
export function notesOn({ hidden, maxNamespaces, tooSmall }: Notable): readonly ControllerNote[] {
  const notes: ControllerNote[] = [];
  if (hidden.length > 0) {
    notes.push({
      id: 'NAMESPACES_ABOVE_NN',
      namespaces: Object.freeze([...hidden]),
      consequence: `These namespaces cannot be used and are missing in \`controller.namespaces\`: the controller reports ${maxNamespaces} as its highest namespace id (NN), and SPDK skips higher ids.`,
      remedy: `Give them ids from 1 to ${maxNamespaces} on the target.`,
    });
  }
  if (tooSmall.length > 0) {
    notes.push({
      id: 'BLOCKS_TOO_SMALL',
      namespaces: Object.freeze([...tooSmall]),
      consequence: `These namespaces cannot be used and are missing in \`controller.namespaces\`: the controller reports blocks of less than ${leastBlockSize} bytes, which do not exist.`,
      remedy:
        'Put them on another kind of disk on the target. Linux reports such blocks for a file on some file systems, as overlayfs, with `buffered_io`.',
    });
  }
  return Object.freeze(notes.map((note) => Object.freeze(note)));
}
