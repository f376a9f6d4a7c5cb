/**
 * How long things may take, in milliseconds, on an emulated machine with two processors that have other work too.
 * On hardware everything takes a tenth of these times.
 */
export const limits = {
  /**
   * Calls that need no other machine or process: a rejection, a deadline that has passed. Other programs may have the
   * processors for a second; what waits for a default time limit by mistake takes five.
   */
  response: 2_000,
  /** Starting DPDK, once in a process; later environments take over what it started. */
  start: 10_000,
  /** The default `timeoutMs` of an attach and of a detach. */
  attach: 5_000,
  detach: 5_000,
  /** A reset whose target hangs: to notice it, to end the connection, and an attempt of two seconds to connect. */
  reset: 10_000,
  /** Nothing listens, or no machine has the address: SPDK itself finds out in this time. */
  unreachable: 5_000,
  /** The longest time without I/O of a controller while another one meets a fault. */
  stall: 2_500,
  /** How long a lost connection may go unnoticed: SPDK counts on the queue pairs' transport retries. */
  noticed: 20_000,
  /** From the end of a controller's life here to the end of what the target holds for it. */
  target: 3_000,
  /** The orderly end of a worker or a process. */
  teardown: 2_000,
  /** The same in the middle of something: 1.5 s for SPDK to return, the rest for Node.js. */
  interrupted: 3_000,
} as const;
