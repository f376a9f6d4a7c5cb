// Shared by the examples: the arguments, a clean end, and reading a socket.

/** The arguments of the command line; prints the usage and exits if they are wrong. @param {string[]} names */
export function argumentsOf(...names) {
  const given = process.argv.slice(2);
  if (given.length === names.length) return given;
  console.error(`usage: node ${process.argv[1]} ${names.join(' ')}`);
  process.exit(2);
}

/** An AbortSignal that fires on SIGINT or SIGTERM. What it ends, such as an attach, is no failure of the program. */
export function stopSignal() {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stop.abort());
  process.on('uncaughtException', (error) => {
    if (stop.signal.aborted && error.name === 'AbortError') return;
    console.error(error);
    process.exit(1);
  });
  return stop.signal;
}

/** A function that resolves with the next bytes of a socket. @param {import('node:net').Socket} socket */
export function byteReader(socket) {
  const chunks = socket[Symbol.asyncIterator]();
  let rest = Buffer.alloc(0);
  return async (/** @type {number} */ length) => {
    const parts = [rest];
    for (let have = rest.length; have < length; have += parts.at(-1)?.length ?? 0) {
      const { done, value } = await chunks.next();
      if (done) throw new Error('The client closed the connection');
      parts.push(value);
    }
    const all = parts.length === 1 ? rest : Buffer.concat(parts);
    rest = all.subarray(length);
    return all.subarray(0, length);
  };
}
