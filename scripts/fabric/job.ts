// The command of a run as the guest gets it.

/** The variables that are always passed to the guest; others need an option. */
const PASSED =
  /^(PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|CI|EDITOR)$/;
const PASSED_PREFIXES = ['NODE_', 'SPDK_', 'VITEST', 'npm_config_'];
const SANITIZERS = /^(ASAN|LSAN|TSAN|UBSAN)_OPTIONS$/;

export function passedEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    const wanted =
      PASSED.test(name) || SANITIZERS.test(name) || PASSED_PREFIXES.some((p) => name.startsWith(p));
    if (wanted) passed[name] = value;
  }
  return passed;
}

function quote(word: string): string {
  return /^[\w@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The command as a script for `sh`: working directory, exactly these variables, then the command in its place. */
export function jobScript(
  command: readonly string[],
  cwd: string,
  env: Record<string, string>,
  terminal?: { rows: number; columns: number },
): string {
  const variables = Object.entries(env).map(([name, value]) => quote(`${name}=${value}`));
  // A shell's background processes ignore SIGINT, which a command must not inherit.
  // `env` runs the command itself, so that a missing one ends with 127 and one that cannot be run with 126.
  const args = ['exec', 'env', '--default-signal=INT,QUIT', '-i', ...variables, ...command.map(quote)];
  const size = terminal ? `stty rows ${terminal.rows} cols ${terminal.columns}\n` : '';
  return `${size}cd ${quote(cwd)} || exit 126\n${args.join(' ')}\n`;
}
