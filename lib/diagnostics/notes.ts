// Problems of a controller that can be fixed on the target.

/** A problem of a controller that can be fixed on the target. */
export interface ControllerNote {
  /** The name of the note for programs, whose meaning never changes. */
  readonly id: 'NAMESPACES_ABOVE_NN';
  /** The ids of the namespaces concerned, the first 1024. */
  readonly namespaces: readonly number[];
  readonly consequence: string;
  readonly remedy: string;
}

/** @internal The note about namespaces that the controller has and SPDK skips. */
export function notesOn(
  hiddenNamespaces: readonly number[],
  maxNamespaces: number,
): readonly ControllerNote[] {
  if (hiddenNamespaces.length === 0) return Object.freeze([]);
  const note: ControllerNote = Object.freeze({
    id: 'NAMESPACES_ABOVE_NN',
    namespaces: Object.freeze([...hiddenNamespaces]),
    consequence: `These namespaces cannot be used and are missing in \`controller.namespaces\`: the controller reports ${maxNamespaces} as its highest namespace id (NN), and SPDK skips higher ids.`,
    remedy: `Give them ids from 1 to ${maxNamespaces} on the target.`,
  });
  return Object.freeze([note]);
}
