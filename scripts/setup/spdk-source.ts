// SPDK's source package, from one of Debian's mirrors.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { downloads, SPDK_LOG } from './paths.js';
import { output, run } from './processes.js';
import { type Reporter, SetupError } from './step.js';

export interface Recipe {
  release: string;
  package: string;
  suite: string;
  upstream: string;
  /** The patches for the release, in the order in which they are applied. */
  patches: Patch[];
  configure: string[];
  /** By `process.arch`. The entry for arm64 is unused: a change of the recipe makes every checkout build SPDK again. */
  targetArch: Record<string, string>;
  key: string;
}

export interface Patch {
  name: string;
  file: string;
  sha256: string;
}

export interface Source {
  file: string;
  package: string;
  version: string;
  sha256: string;
}

interface Listed {
  version: string;
  path: string;
  size: number;
  sha256: string;
}

const KEYRINGS = ['gpg', 'pgp'].map((end) => `/usr/share/keyrings/debian-archive-keyring.${end}`);
const MB = 1_000_000;

/** Debian's source package with SPDK, checked against the checksum in Debian's signed index. */
export async function downloadSource(recipe: Recipe, reporter: Reporter): Promise<Source> {
  const work = path.join(downloads, `.unfinished-${process.pid}`);
  fs.mkdirSync(work, { recursive: true });
  try {
    const failures: string[] = [];
    for (const mirror of await mirrors()) {
      try {
        const listed = await findInIndex(mirror, recipe, work, reporter);
        return await fetchFile(mirror, listed, recipe, work, reporter);
      } catch (error) {
        if (!(error instanceof SetupError) || error.message === 'stopped') throw error;
        failures.push(`${mirror}: ${error.message}`);
      }
    }
    throw new SetupError(
      failures.join('\n') || 'apt knows no Debian mirror (apt-get indextargets names none of Debian’s)',
    );
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** The Debian mirrors of this machine. If apt has no lists yet, the label is empty. */
async function mirrors(): Promise<string[]> {
  const format = '$(REPO_URI)|$(LABEL)';
  const targets = await output(
    'apt-get',
    ['indextargets', '--format', format, 'Created-By: Packages'],
    SPDK_LOG,
  );
  const labelled = targets.split('\n').map((line) => line.split('|'));
  const uris = labelled.flatMap(([uri = '', label]) => {
    const debian = label ? label === 'Debian' : /\/debian\/?$/.test(uri);
    return debian ? [uri] : [];
  });
  return [...new Set(uris)];
}

/** Reads the suite's source index with separate lists: the system's apt configuration is neither used nor changed. */
async function findInIndex(
  mirror: string,
  recipe: Recipe,
  work: string,
  { report }: Reporter,
): Promise<Listed> {
  const keyring = KEYRINGS.find((file) => fs.existsSync(file));
  if (!keyring) throw new SetupError('Debian’s archive keyring is missing (package debian-archive-keyring)');
  const sources = path.join(work, 'sources.list');
  fs.writeFileSync(sources, `deb-src [signed-by=${keyring}] ${mirror} ${recipe.suite} main\n`);
  for (const name of ['lists/partial', 'cache/archives/partial']) {
    fs.mkdirSync(path.join(work, name), { recursive: true });
  }
  const config = path.join(work, 'apt.conf');
  fs.writeFileSync(config, aptConfig(work, sources));

  report(`reading the index of Debian ${recipe.suite}’s sources`);
  await run('apt-get', ['-c', config, '-q', 'update', '--error-on=any'], { log: SPDK_LOG });
  const text = await output(
    'apt-cache',
    ['-c', config, 'showsrc', '--only-source', recipe.package],
    SPDK_LOG,
  );
  const listed = parseSources(text).find(({ version }) => version.startsWith(recipe.upstream));
  if (listed) return listed;
  throw new SetupError(
    `${recipe.suite} has no source package ${recipe.package} ${recipe.upstream}x, the one with SPDK ${recipe.release}`,
  );
}

function aptConfig(work: string, sources: string): string {
  return [
    `Dir::Etc::SourceList "${sources}";`,
    'Dir::Etc::SourceParts "/dev/null";',
    `Dir::State::Lists "${path.join(work, 'lists')}";`,
    `Dir::Cache "${path.join(work, 'cache')}";`,
    'APT::Sandbox::User "root";', // the cache may be in a folder that apt's own user cannot read
    // Hooks of the system for its own lists must not run for these.
    ...['Pre-Invoke', 'Post-Invoke', 'Post-Invoke-Success'].map((hook) => `#clear APT::Update::${hook};`),
    '',
  ].join('\n');
}

/** The output of `apt-cache showsrc`: paragraphs of fields, one for each version. */
export function parseSources(text: string): Listed[] {
  return text.split(/\n{2,}/).flatMap((paragraph) => {
    const field = (name: string) => paragraph.match(new RegExp(`^${name}:\\s*(\\S+)`, 'm'))?.[1];
    const sums = paragraph.match(/^Checksums-Sha256:\n((?: .*\n?)+)/m)?.[1] ?? '';
    const [, sha256, size, name] = sums.match(/^ ([0-9a-f]{64}) (\d+) (\S+\.orig\.tar\.\w+)$/m) ?? [];
    const version = field('Version');
    const directory = field('Directory');
    if (!version || !directory || !sha256 || !name) return [];
    return [{ version, path: `${directory}/${name}`, size: Number(size), sha256 }];
  });
}

async function fetchFile(
  mirror: string,
  listed: Listed,
  recipe: Recipe,
  work: string,
  { report, progress }: Reporter,
): Promise<Source> {
  const file = path.join(downloads, path.basename(listed.path));
  const source = { file, package: recipe.package, version: listed.version, sha256: listed.sha256 };
  // An earlier set-up was stopped while it built.
  if (fs.existsSync(file) && (await sha256Of(file)) === listed.sha256) return source;

  report(`downloading ${path.basename(file)} (${Math.round(listed.size / MB)} MB)`);
  const partial = path.join(work, path.basename(file));
  const watch = setInterval(() => {
    const size = fs.existsSync(partial) ? fs.statSync(partial).size : 0;
    progress(`${Math.round(size / MB)} of ${Math.round(listed.size / MB)} MB`);
  }, 500);
  try {
    const uri = new URL(listed.path, mirror.endsWith('/') ? mirror : `${mirror}/`).href;
    const args = ['-o', 'APT::Sandbox::User=root', 'download-file', uri, partial, `SHA256:${listed.sha256}`];
    await run('/usr/lib/apt/apt-helper', args, { log: SPDK_LOG });
  } finally {
    clearInterval(watch);
  }
  if ((await sha256Of(partial)) !== listed.sha256)
    throw new SetupError(`${uriName(listed)} has a wrong SHA256`);
  fs.renameSync(partial, file);
  return source;
}

const uriName = (listed: Listed) => path.basename(listed.path);

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(fs.createReadStream(file), hash);
  return hash.digest('hex');
}

/** Unpacks only SPDK (with its DPDK) from the package, and checks its release. */
export async function unpackSource(
  source: Source,
  tree: string,
  release: string,
  { report }: Reporter,
): Promise<void> {
  report('unpacking SPDK');
  fs.mkdirSync(tree, { recursive: true });
  const args = ['-xf', source.file, '-C', tree, '--strip-components=3'];
  await run('tar', [...args, '--wildcards', '--no-wildcards-match-slash', '*/src/spdk'], { log: SPDK_LOG });

  const header = path.join(tree, 'include/spdk/version.h');
  const text = fs.existsSync(header) ? fs.readFileSync(header, 'utf8') : '';
  const number = (name: string) =>
    text.match(new RegExp(`^#define SPDK_VERSION_${name}\\s+(\\d+)`, 'm'))?.[1] ?? '';
  const found = `${number('MAJOR')}.${number('MINOR').padStart(2, '0')}`;
  if (found !== release) {
    throw new SetupError(`${path.basename(source.file)} contains SPDK ${found}, not ${release}`);
  }
}

/** Applies the recipe's patches to an unpacked tree; a patch that does not apply exactly is an error. */
export async function patchSource(
  tree: string,
  patches: readonly Patch[],
  { report }: Reporter,
): Promise<void> {
  for (const { name, file } of patches) {
    report(`applying ${name}`);
    const args = ['-p1', '--forward', '--batch', '--fuzz=0', '--no-backup-if-mismatch', '-i', file];
    await run('patch', args, { cwd: tree, log: SPDK_LOG });
  }
}
