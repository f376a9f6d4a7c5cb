/**
 * Reads from a controller, 32 at a time and without a pause, until stopped.
 * @param {import('../../../lib/index.js').Controller} controller
 */
export function startReaders(controller) {
  /** How reads failed. @type {Set<string>} */
  const codes = new Set();
  let reading = true;
  /** @param {number} i */
  const read = async (i) => {
    while (reading) {
      await controller.namespaces[0]
        ?.read(Buffer.alloc(4096), { offset: i * 4096 })
        .catch(({ code }) => codes.add(code));
      // A controller that rejects everything must not keep others from running.
      await new Promise(setImmediate);
    }
  };
  const readers = Array.from({ length: 32 }, (_, i) => read(i));
  return {
    codes,
    /** Starts no further reads. */
    stop() {
      reading = false;
    },
    ended: Promise.all(readers),
  };
}
