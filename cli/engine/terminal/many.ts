/** A number of things in words: `1 controller`, `2 controllers`. @param more the plural, where it has more than an s */
export function many(count: number, what: string, more = `${what}s`): string {
  return `${count} ${count === 1 ? what : more}`;
}
