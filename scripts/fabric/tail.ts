const KEPT_CHARACTERS = 16_384;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences are what it removes
const TERMINAL_SEQUENCES = /\x1b(\[[0-9;?]*[A-Za-z]|[=>c])|\r/g;

/** Keeps the end of a text of unlimited length. */
export class Tail {
  #text = '';

  add(chunk: Buffer): void {
    this.#text = (this.#text + chunk.toString('utf8')).slice(-KEPT_CHARACTERS);
  }

  /** The last lines, or more if the first matching line is before them. */
  lines(count: number, first?: RegExp): string {
    const lines = this.#text.replace(TERMINAL_SEQUENCES, '').trimEnd().split('\n');
    const found = first ? lines.findIndex((line) => first.test(line)) : -1;
    const last = Math.max(0, lines.length - count);
    return lines
      .slice(found < 0 ? last : Math.min(found, last))
      .join('\n')
      .trim();
  }
}
