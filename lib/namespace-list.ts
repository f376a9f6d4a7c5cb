// The latest namespaces and notes of one controller.

import { type ControllerNote, notesOn } from './diagnostics/notes.js';
import { Namespace, type NamespaceOwner } from './namespace.js';
import type { NativeController } from './native/contract.js';
import { everyNamespace } from './options/namespace-id.js';

/** Namespaces that have not changed stay the same objects, so that programs may keep them. */
export class NamespaceList {
  readonly #native: NativeController;
  readonly #owner: NamespaceOwner;
  #all: readonly Namespace[];
  /** `#all` as a set, for fast look-up. */
  #known: ReadonlySet<Namespace>;
  /** The namespace that was asked for last, which most operations are for. */
  #last: Namespace | undefined;
  #notes: readonly ControllerNote[] = Object.freeze([]);

  constructor(native: NativeController, owner: NamespaceOwner) {
    this.#native = native;
    this.#owner = owner;
    this.#all = this.#read([]);
    this.#known = new Set(this.#all);
  }

  get all(): readonly Namespace[] {
    return this.#all;
  }

  /** The tag of the namespace with this id, or of the newest one where it stands for all of them; 0 if there is none. */
  tagOf(id: number): number {
    if (id === everyNamespace) return Math.max(0, ...this.#all.map(({ tag }) => tag));
    return this.#all.find((namespace) => namespace.id === id)?.tag ?? 0;
  }

  get notes(): readonly ControllerNote[] {
    return this.#notes;
  }

  /** Whether the namespace is as it was when it was described. */
  has(namespace: Namespace): boolean {
    if (namespace === this.#last) return true;
    if (!this.#known.has(namespace)) return false;
    this.#last = namespace;
    return true;
  }

  /**
   * Reads the list again and returns what has changed. Native code requests this at every report of the controller, which
   * often reports the same change twice.
   */
  refresh(maxNamespaces: number): { namespaces: boolean; notes: boolean } {
    const [known, notes] = [this.#known, this.#notes];
    this.#all = this.#read(this.#all);
    this.#known = new Set(this.#all);
    this.#last = undefined;
    const hidden = this.#native.hiddenNamespaces();
    // Whatever realm the arrays are of: a test runner may have one of its own.
    const noted = notes[0]?.namespaces ?? [];
    const isNoted = hidden.length === noted.length && hidden.every((id, i) => id === noted[i]);
    if (!isNoted) this.#notes = notesOn(hidden, maxNamespaces);
    const isSame = known.size === this.#known.size && this.#all.every((namespace) => known.has(namespace));
    return { namespaces: !isSame, notes: !isNoted };
  }

  #read(before: readonly Namespace[]): readonly Namespace[] {
    const byId = new Map(before.map((namespace) => [namespace.id, namespace]));
    const fresh = this.#native.namespaces().map((info) => {
      const old = byId.get(info.id);
      return old?.is(info) ? old : Namespace.create(this.#owner, info);
    });
    return Object.freeze(fresh);
  }
}
