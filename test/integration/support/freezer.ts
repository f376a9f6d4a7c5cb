import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { run } from './run.js';

const root = '/tmp/freezer';

/**
 * Stops one thread of this process, as a machine with more important work would, until the function it
 * gives is called. The kernel's second kind of control groups freezes whole processes only, so this is the first.
 */
export async function freezeThread(name: string): Promise<() => void> {
  const id = readdirSync('/proc/self/task').find(
    (task) => readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim() === name,
  );
  if (id === undefined) throw new Error(`this process has no thread ${name}`);
  mkdirSync(root, { recursive: true });
  await run('mount', ['-t', 'cgroup', '-o', 'freezer', 'freezer', root]);
  const group = `${root}/held`;
  mkdirSync(group);
  writeFileSync(`${group}/tasks`, id);
  writeFileSync(`${group}/freezer.state`, 'FROZEN');
  let frozen = true;
  const thaw = () => {
    if (!frozen) return;
    frozen = false;
    writeFileSync(`${group}/freezer.state`, 'THAWED');
    writeFileSync(`${root}/tasks`, id);
    rmdirSync(group);
  };
  onTestFinished(async () => {
    thaw();
    await run('umount', [root]);
  });
  return thaw;
}
