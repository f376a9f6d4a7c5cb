/** A number of things in words: `1 controller`, `2 controllers`. */
export function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
