/** The words of a command line, whose options with a value replace those of earlier words: a command line has each of them once. */
export function replacing(words: readonly string[], others: readonly string[]): string[] {
  const kept = words.filter((word, at) => {
    const name = word.startsWith('-') ? word : words[at - 1];
    return name === undefined || !name.startsWith('-') || !others.includes(name);
  });
  return [...kept, ...others];
}
