/** The result of one check. */
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'failure';
  readonly text: string;
  /** The command that fixes it. Where only the user can know that, the one that shows more. */
  readonly remedy?: string;
  /** How long it took, if that is of interest. */
  readonly ms?: number;
}

export const ok = (check: string, text: string): Finding => ({ check, level: 'ok', text });
export const warning = (check: string, text: string, remedy: string): Finding => ({
  check,
  level: 'warning',
  text,
  remedy,
});
export const failure = (check: string, text: string, remedy: string): Finding => ({
  check,
  level: 'failure',
  text,
  remedy,
});
