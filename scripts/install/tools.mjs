// What building needs of the machine besides SPDK, looked for before anything is started.
import fs from 'node:fs';
import path from 'node:path';

/** @typedef {Readonly<Record<string, string | undefined>>} Environ */

/** @param {string} program @param {Environ} env */
function isThere(program, env) {
  if (program.includes('/')) return fs.existsSync(program);
  const folders = (env.PATH ?? '').split(path.delimiter).filter(Boolean);
  return folders.some((folder) => fs.existsSync(path.join(folder, program)));
}

/**
 * The Debian packages of the programs that are missing, by what they are for.
 * @param {Environ} env
 */
export function missingTools(env) {
  /** @type {Array<{ name: string, debian: string, programs: Array<string | undefined> }>} */
  const needed = [
    { name: 'C++ compiler', debian: 'g++', programs: [env.CXX?.split(' ')[0] ?? 'g++'] },
    { name: 'make', debian: 'make', programs: [env.MAKE ?? 'make'] },
    {
      name: 'Python 3',
      debian: 'python3',
      programs: [env.npm_config_python, env.PYTHON, 'python3', 'python'],
    },
  ];
  return needed.filter(({ programs }) => !programs.some((program) => program && isThere(program, env)));
}

/** Files whose absence breaks the build, by the Debian package that has each. */
const packages = Object.entries({
  'infiniband/verbs.h': 'libibverbs-dev',
  'rdma/rdma_cma.h': 'librdmacm-dev',
  'numa.h': 'libnuma-dev',
  'uuid/uuid.h': 'uuid-dev',
  'openssl/': 'libssl-dev',
  '-libverbs': 'libibverbs-dev',
  '-lrdmacm': 'librdmacm-dev',
  '-lnuma': 'libnuma-dev',
  '-luuid': 'uuid-dev',
  '-lssl': 'libssl-dev',
  '-lcrypto': 'libssl-dev',
  '-laio': 'libaio-dev',
});

/**
 * The line of a build's output that says why it failed, and the package that is missing, where that is known.
 * @param {string} output
 */
export function whyItFailed(output) {
  const lines = output.split('\n').map((line) => line.trim());
  const line =
    lines.find((one) => /\berror: |cannot find -l/.test(one)) ??
    lines.find((one) => /\bError: |^gyp ERR! find |\*\*\*/.test(one)) ??
    'it reported no reason';
  const name = /fatal error: ([^:]+): No such file|cannot find (-l\w+)/.exec(line);
  const wanted = name?.[1] ?? name?.[2] ?? '';
  const debian = packages.find(([start]) => wanted.startsWith(start))?.[1];
  return { line, debian };
}
