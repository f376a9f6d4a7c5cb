// Whether the npm packages are installed. Plain Node.js: it runs before npm has installed anything.
import fs from 'node:fs';
import path from 'node:path';

/**
 * Compares what npm wrote into node_modules with the lock file, and looks for each package: a few milliseconds, and no
 * npm started.
 * @param {string} root the checkout
 */
export function packagesUpToDate(root) {
  const read = (/** @type {string} */ file) =>
    JSON.parse(fs.readFileSync(path.join(root, file), 'utf8')).packages;
  try {
    const wanted = read('package-lock.json');
    const installed = read('node_modules/.package-lock.json');
    return Object.entries(wanted).every(([name, entry]) => {
      if (name === '') return true;
      const found = installed[name];
      if (!found) return entry.optional === true;
      return found.integrity === entry.integrity && fs.existsSync(path.join(root, name, 'package.json'));
    });
  } catch {
    return false;
  }
}
