/** The ANA states of a path: one word where all namespaces have the same. */
export function anaText(states: readonly { readonly namespace: number; readonly state: string }[]): string {
  const [first] = states;
  if (!first) return '';
  if (states.every(({ state }) => state === first.state)) return first.state;
  return states.map(({ namespace, state }) => `${namespace}: ${state}`).join(', ');
}
