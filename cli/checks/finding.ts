/** What one check found. */
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'failure';
  readonly text: string;
  /** The one command, or the one thing, that mends it. */
  readonly remedy?: string;
  /** How long it took, where that says something. */
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
