// What real native code could not survive.

/** What lib/ did that native code has to trust it not to do. A test asserts that there is nothing. */
export class Violations {
  readonly list: string[] = [];

  add(what: string): void {
    // A fault that repeats says nothing new after a while.
    if (this.list.length < 100) this.list.push(what);
  }
}
