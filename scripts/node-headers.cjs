'use strict';
// The headers of the Node.js installation, if it has them, so that node-gyp need not download any.

const fs = require('node:fs');
const path = require('node:path');

/** @returns {string | undefined} the prefix that has include/node for exactly this Node.js */
function headersPrefix() {
  const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
  try {
    const text = fs.readFileSync(path.join(prefix, 'include/node/node_version.h'), 'utf8');
    const number = (/** @type {string} */ name) =>
      text.match(new RegExp(`^#define NODE_${name}_VERSION (\\d+)`, 'm'))?.[1];
    const found = ['MAJOR', 'MINOR', 'PATCH'].map(number).join('.');
    return found === process.versions.node ? prefix : undefined;
  } catch {
    return undefined;
  }
}

/** Arguments that make node-gyp use them; none if the user chose a folder or there are no headers. */
function nodeGypArguments() {
  const prefix = headersPrefix();
  return prefix && !process.env.npm_config_nodedir ? [`--nodedir=${prefix}`] : [];
}

module.exports = { nodeGypArguments };
