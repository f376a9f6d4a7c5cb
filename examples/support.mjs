// What all examples have in common: the arguments, and an orderly end.

/** The arguments of the command line, or an explanation of them and the end. @param {string[]} names */
export function argumentsOf(...names) {
  const given = process.argv.slice(2);
  if (given.length === names.length) return given;
  console.error(`usage: node ${process.argv[1]} ${names.join(' ')}`);
  process.exit(2);
}

/** A signal that fires when the process is asked to end. */
export function stopSignal() {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stop.abort());
  return stop.signal;
}
