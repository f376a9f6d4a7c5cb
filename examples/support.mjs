// Shared by all examples: the arguments, and a clean end.

/** The arguments of the command line; prints the usage and exits if they are wrong. @param {string[]} names */
export function argumentsOf(...names) {
  const given = process.argv.slice(2);
  if (given.length === names.length) return given;
  console.error(`usage: node ${process.argv[1]} ${names.join(' ')}`);
  process.exit(2);
}

/** An AbortSignal that fires on SIGINT or SIGTERM. */
export function stopSignal() {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stop.abort());
  return stop.signal;
}
