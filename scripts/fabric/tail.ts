const KEPT_CHARACTERS = 16_384;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences are what it removes
const TERMINAL_SEQUENCES = /\x1b(\[[0-9;?]*[A-Za-z]|[=>c])|\r/g;

/** Remembers the end of a text that may go on for ever. */
export class Tail {
  #text = '';

  add(chunk: Buffer): void {
    this.#text = (this.#text + chunk.toString('utf8')).slice(-KEPT_CHARACTERS);
  }

  lines(count: number): string {
    return this.#text.replace(TERMINAL_SEQUENCES, '').trimEnd().split('\n').slice(-count).join('\n').trim();
  }
}
