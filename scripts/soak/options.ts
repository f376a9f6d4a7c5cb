/** What one run does. Goes from the command line on the host to the worker on the fabric as JSON. */
export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly controllers: number;
  readonly pollers: number;
}
