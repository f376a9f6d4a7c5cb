/** The output of a step. `report` prints a permanent line; `progress` a line that the next one replaces. */
export interface Reporter {
  report(line: string): void;
  progress(line: string): void;
}

export interface Step {
  title: string;
  /** Cheap, because every command calls it for every step: it reads files at most. */
  upToDate(): Promise<boolean>;
  run(reporter: Reporter): Promise<void>;
}

/** A failure that is printed without a stack. */
export class SetupError extends Error {
  override name = 'SetupError';
}
