/** Keeps internal properties out of what `console.log()`, `JSON.stringify()` and spreading show of a public object. */
export function hide<Shown extends object>(shown: Shown, ...names: Array<keyof Shown & string>): void {
  for (const name of names) Object.defineProperty(shown, name, { enumerable: false });
}
