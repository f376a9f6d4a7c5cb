import { ids, unreachable } from './fabric.js';

/** The steps of children/steps.mjs. */
export type Step =
  | 'opening'
  | 'open'
  | 'attaching'
  | 'waiting'
  | 'attached'
  | 'reading'
  | 'draining'
  | 'detaching'
  | 'closing'
  | 'closed';

export const steps: readonly Step[] = [
  'opening',
  'open',
  'attaching',
  'waiting',
  'attached',
  'reading',
  'draining',
  'detaching',
  'closing',
  'closed',
];

export function taskFor(step: Step) {
  return { step, reachable: ids.disk0, unreachable: unreachable(), memoryMb: 64 };
}

/** A file of the children's folder. */
export function childFile(name: string): URL {
  return new URL(`../children/${name}`, import.meta.url);
}
