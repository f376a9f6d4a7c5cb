const KEPT_CHARACTERS = 16_384;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences are what it removes
const TERMINAL_SEQUENCES = /\x1b(\[[0-9;?]*[A-Za-z]|[=>c])|\r/g;

/** Remembers the end of a text that may go on for ever. */
export class Tail {
  #text = '';

  add(chunk: Buffer): void {
    this.#text = (this.#text + chunk.toString('utf8')).slice(-KEPT_CHARACTERS);
  }

  /** The last lines, or more where the first one that matches came before them. */
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
