// What a script does when nothing reads its output any more.

import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Waits until nothing reads the standard output any more. */
const pipeIsClosed = "(trap '' PIPE; while printf .; do sleep 0.01; done) 2>/dev/null";

/** Runs a command whose output goes to a pipe that is closed: its status, and what else was written. */
async function unread(command: string): Promise<string> {
  const script = `set +m; { ${command}; } 3>&2 2>&1 | exec sleep 0 <&-; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await execa('bash', ['-c', script], { cwd: root, timeout: 20_000 });
  return `${stdout}${stderr}`;
}

it('a script ends with the status of SIGPIPE and without a stack', async () => {
  expect(await unread(`${pipeIsClosed}; node scripts/bootstrap.mjs test --help`)).toBe('141');
});

it('a script that has started something ends it first', async () => {
  const program = `
    const work = setInterval(() => console.log('line'), 10);
    process.on('SIGTERM', () => { clearInterval(work); require('node:fs').writeSync(9, 'ended '); });`;
  const command = `node --import ./scripts/closed-pipe.mjs -e "${program.replaceAll('\n', ' ')}" 9>&3`;
  expect(await unread(`exec 9>&3; ${command}`)).toBe('141ended ');
});

it('the command line keeps its status when its diagnostics have no reader', async () => {
  expect(await unread(`${pipeIsClosed}; node --import tsx cli/main.ts list --nonsense`)).toBe('2');
});

it("lines of log: 'stderr' without a reader do not end the program", async () => {
  const program = `
    import { LogRelay } from './lib/diagnostics/log.ts';
    const relay = new LogRelay('stderr');
    const pass = () => relay.pass({ level: 2, source: '', text: 'line', controllerId: 0, controllerName: '' });
    for (let i = 0; i < 20; i++) { pass(); pass(); await new Promise((resolve) => setTimeout(resolve, 1)); }
    process.exitCode = process.stderr.listenerCount('error') === 0 ? 5 : 6;`;
  const command = `${pipeIsClosed}; node --import tsx --input-type=module -e "${program.replaceAll('\n', ' ')}"`;
  expect(await unread(command)).toBe('5');
});
