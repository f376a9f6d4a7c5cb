/** Where a step says what it does. `report` is a line worth keeping; `progress` is replaced by the next one. */
export interface Reporter {
  report(line: string): void;
  progress(line: string): void;
}

export interface Step {
  title: string;
  /** Cheap: reads files at most, since every command asks it of every step before doing anything else. */
  upToDate(): Promise<boolean>;
  run(reporter: Reporter): Promise<void>;
}

/** A failure that is told to the user as it stands, without a stack. */
export class SetupError extends Error {
  override name = 'SetupError';
}
