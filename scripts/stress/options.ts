/** What one run does. Goes from the command line on the host to the worker on the fabric as JSON. */
export interface StressOptions {
  /** Ends the run; undefined where `seconds` does. */
  readonly loops?: number | undefined;
  readonly seconds?: number | undefined;
  readonly pollers: number;
  readonly ioQueues: number;
  readonly controllers: number;
}
