// The examples as files: short, described, and such as systemd and a container build can read. test/tcp/examples.test.ts
// runs the programs.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const folder = path.join(root, 'examples');
const read = (name: string) => fs.readFileSync(path.join(folder, name), 'utf8');
const programs = fs.readdirSync(folder).filter((name) => name.endsWith('.mjs'));

describe('examples', () => {
  it.each(programs)('%s is short, and says first what it does', (name) => {
    const text = read(name);
    expect(text.split('\n').length).toBeLessThan(60);
    expect(text).toMatch(/^\/\/ [A-Z]/);
  });

  it('are all in the list, which has nothing else', () => {
    const listed = [...read('README.md').matchAll(/\]\(([\w./-]+)\)/g)].map(([, name]) => name as string);
    for (const name of listed) expect(fs.existsSync(path.join(folder, name)), name).toBe(true);
    expect(programs.filter((name) => name !== 'support.mjs' && !listed.includes(name))).toEqual([]);
  });

  it('have a unit that systemd takes', () => {
    const unit = path.join(folder, 'systemd/discovery-agent.service');
    const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    // Machines without systemd run this test, too: there the keys are compared with the few that are known to be right.
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
      const keys = [...fs.readFileSync(unit, 'utf8').matchAll(/^(\w+)=/gm)].map(([, key]) => key);
      expect(keys).toEqual(expect.arrayContaining(['ExecStart', 'LimitMEMLOCK', 'TasksMax', 'WantedBy']));
      return;
    }
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('have a container file whose files there are, and which starts no shell', () => {
    const lines = read('container/Containerfile').replaceAll('\\\n', ' ').split('\n');
    const words = lines.map((line) => line.trim().split(/\s+/)).filter(([word]) => word && word !== '#');
    const known = ['FROM', 'RUN', 'COPY', 'WORKDIR', 'ENTRYPOINT'];
    expect(words.map(([instruction]) => instruction).filter((word) => !known.includes(word ?? ''))).toEqual(
      [],
    );
    const copied = words.filter(([word]) => word === 'COPY').flatMap((line) => line.slice(1, -1));
    const own = copied.filter((name) => name.startsWith('examples/'));
    expect(own.length).toBeGreaterThan(0);
    for (const name of own) expect(fs.existsSync(path.join(root, name)), name).toBe(true);
    const [, entry = ''] = lines.find((line) => line.startsWith('ENTRYPOINT'))?.split(/ (.*)/) ?? [];
    expect(JSON.parse(entry)).toEqual(['node', expect.stringContaining('discovery-agent.mjs')]);
  });
});
