// Turns of the event loop, and what keeps it alive.

/**
 * Functions of the event loop as they are when this module is loaded. Test runners replace the global ones by functions
 * that do nothing until they are told to, and a program's I/O goes on all the same.
 */
export const eventLoop = { setImmediate, clearImmediate, queueMicrotask, setInterval };
