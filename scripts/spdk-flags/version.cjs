'use strict';
// The SPDK release, from the header that the addon is compiled against.

const fs = require('node:fs');
const path = require('node:path');

// Older releases lack essential functions.
const OLDEST = [20, 7];

/** @param {string} text @param {string} name */
function macro(text, name) {
  return text.match(new RegExp(`^#define\\s+SPDK_VERSION_${name}\\s+(\\S+)`, 'm'))?.[1];
}

/** @param {string[]} includeDirs */
function readVersion(includeDirs) {
  const headers = includeDirs.map((dir) => path.join(dir, 'spdk', 'version.h'));
  const header = headers.find((file) => fs.existsSync(file));
  if (!header) throw new Error(`no spdk/version.h in ${includeDirs.join(', ') || 'any include folder'}`);

  const text = fs.readFileSync(header, 'utf8');
  const [major, minor, patch] = ['MAJOR', 'MINOR', 'PATCH'].map((name) => Number(macro(text, name)));
  if (!Number.isInteger(major) || !Number.isInteger(minor))
    throw new Error(`${header} does not define an SPDK release`);
  const suffix = (macro(text, 'SUFFIX') ?? '').replaceAll('"', '');
  const version = `${major}.${String(minor).padStart(2, '0')}${patch ? `.${patch}` : ''}${suffix}`;

  const [oldestMajor = 0, oldestMinor = 0] = OLDEST;
  if (Number(major) * 100 + Number(minor) < oldestMajor * 100 + oldestMinor) {
    throw new Error(`${header} is SPDK ${version}; 20.07 or later is needed`);
  }
  return version;
}

module.exports = { readVersion };
