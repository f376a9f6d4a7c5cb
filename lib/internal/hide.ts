// What inspecting a public object does not show.

/** Hides internal properties of a public object from `console.log()`, `JSON.stringify()` and spreading. */
export function hide<Shown extends object>(shown: Shown, ...names: Array<keyof Shown & string>): void {
  for (const name of names) Object.defineProperty(shown, name, { enumerable: false });
}
