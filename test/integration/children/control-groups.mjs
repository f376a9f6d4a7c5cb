// Control groups and mounts of one process, which it leaves when it ends.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * A cgroup with this process only, of either version.
 * @param {string} controller
 * @param {Record<string, string>} [settings]
 */
export function controlGroup(controller, settings = {}) {
  const first = fs.existsSync(`/sys/fs/cgroup/${controller}`);
  const root = first ? `/sys/fs/cgroup/${controller}` : secondVersion(controller);
  if (!first) fs.writeFileSync(path.join(root, 'cgroup.subtree_control'), `+${controller}`);
  const own = path.join(root, `spdk-nvme-limited-${process.pid}`);
  fs.mkdirSync(own);
  for (const [file, value] of Object.entries(settings)) fs.writeFileSync(path.join(own, file), value);
  fs.writeFileSync(path.join(own, 'cgroup.procs'), String(process.pid));
  atEnd(() => {
    fs.writeFileSync(path.join(root, 'cgroup.procs'), String(process.pid));
    fs.rmdirSync(own);
  });
  return {
    first,
    read: (/** @type {string} */ file) => fs.readFileSync(path.join(own, file), 'utf8').trim(),
    write: (/** @type {string} */ file, /** @type {string} */ value) =>
      fs.writeFileSync(path.join(own, file), value),
  };
}

/** @param {string} controller */
function secondVersion(controller) {
  const has = (/** @type {string} */ folder) => {
    const file = path.join(folder, 'cgroup.controllers');
    return fs.existsSync(file) && fs.readFileSync(file, 'utf8').split(/\s/).includes(controller);
  };
  return ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find(has) ?? mountAt('cgroup2');
}

/** @param {string} type of file system */
export function mountAt(type) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-limited-'));
  execFileSync('mount', ['-t', type, 'none', folder]);
  atEnd(() => {
    execFileSync('umount', ['--lazy', folder]);
    fs.rmdirSync(folder);
  });
  return folder;
}

/** Registers a clean-up: what was made last is removed first. @param {() => void} action */
function atEnd(action) {
  process.prependListener('exit', action);
}
