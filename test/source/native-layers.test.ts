import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

// A file of native code includes files of its own layer and of those before it. docs/internals/architecture.md says
// what each layer is for.

const root = fileURLToPath(new URL('../../', import.meta.url));

/** From the lowest to the highest; native/spdk includes native/spdk/interpose and is included by it. */
const layers = [
  'native/core/base',
  'native/spdk',
  'native/core/diagnostics',
  'native/core/io',
  'native/core/connection',
  'native/core/controller',
  'native/core/process',
  'native/binding',
];

/** `file -> included file`, each with the reason why it may stay. To be shortened, never to be added to. */
const exceptions = new Map<string, string>();

const isSource = (name: string) => name.endsWith('.h') || name.endsWith('.cc');
const files = fs
  .readdirSync(path.join(root, 'native'), { recursive: true, encoding: 'utf8' })
  .filter(isSource)
  .map((name) => `native/${name.split(path.sep).join('/')}`);

const layerOf = (file: string) => layers.findIndex((folder) => file.startsWith(`${folder}/`));

/** What a text includes, with the brackets or the quotes. */
const includesIn = (text: string) =>
  [...text.matchAll(/^#include (["<].*[">])$/gm)].map(([, name = '']) => name);

/** What is wrong with the includes of a file. */
function faults(file: string, text: string): string[] {
  return includesIn(text).flatMap((name) => {
    const included = name.slice(1, -1);
    if (name.startsWith('"')) {
      if (layerOf(included) < 0) return [`${file}: ${name} is not a path into a layer`];
      if (!files.includes(included)) return [`${file}: ${name} does not exist`];
      if (exceptions.has(`${file} -> ${included}`) || layerOf(included) <= layerOf(file)) return [];
      return [`${file}: ${name} is of a higher layer`];
    }
    const node = included === 'napi.h' || included === 'node_api.h';
    if (node && !file.startsWith('native/binding/')) return [`${file}: ${name} is for native/binding alone`];
    return [];
  });
}

/** What only native/spdk may know: which release is linked, and what differs for that reason alone. */
const releaseWords =
  /SPDK_NVME_RELEASE|SPDK_NVME_PATCHES|SPDK_VERSION_|native\/spdk\/release\.h|if constexpr \(!?spdk::|spdk::k[A-Z]|"[^"\n]*\bv2\d\.\d\d/;

/** A function of native/spdk that has one answer for each release: code elsewhere would do one thing or the other by it. */
const question = /\bconstexpr bool (\w+)\(\)/g;
/** Those that may be asked: what SPDK cannot do is reported, and nothing is done in its place. */
const answeredAnywhere = new Set(['can_verify']);

/** Calls of the libraries below, which the binding leaves to the core, and their headers. */
const libraryUse = /\b(?:spdk|rte|ibv|rdma)_\w+\(|#include <(?:spdk|rte_|infiniband|rdma)/;

const source = (file: string) => fs.readFileSync(path.join(root, file), 'utf8');

describe('the layers of native code', () => {
  it('have a README each that names every file', () => {
    const folders = [...layers, 'native/spdk/interpose'];
    const unnamed = files.filter((file) => {
      const folder = folders.findLast((name) => file.startsWith(`${name}/`)) ?? '';
      return !source(`${folder}/README.md`).includes(`\`${path.parse(file).name}\``);
    });
    expect(unnamed).toEqual([]);
  });

  it('hold every file', () => {
    expect(files.length).toBeGreaterThan(80);
    expect(files.filter((file) => layerOf(file) < 0)).toEqual([]);
  });

  it('include only what is of their own layer or a lower one', () => {
    expect(files.flatMap((file) => faults(file, source(file)))).toEqual([]);
  });

  it('have no exception that is not needed any more', () => {
    const edges = files.flatMap((file) =>
      includesIn(source(file)).map((name) => `${file} -> ${name.slice(1, -1)}`),
    );
    expect([...exceptions.keys()].filter((edge) => !edges.includes(edge))).toEqual([]);
  });

  it('know one SPDK release from another in native/spdk alone', () => {
    const users = files.filter((file) => releaseWords.test(source(file)));
    expect(users).not.toEqual([]);
    expect(users.filter((file) => !file.startsWith('native/spdk/'))).toEqual([]);
  });

  it('ask nowhere else which release it is', () => {
    const questions = files
      .filter((file) => file.startsWith('native/spdk/') && file.endsWith('.h'))
      .flatMap((file) => [...source(file).matchAll(question)].map(([, name = '']) => name));
    expect(questions).toContain('can_verify');
    const asked = files
      .filter((file) => !file.startsWith('native/spdk/'))
      .flatMap((file) => questions.filter((name) => new RegExp(`\\b${name}\\(`).test(source(file))));
    expect(new Set(asked)).toEqual(answeredAnywhere);
  });

  it('call SPDK and its libraries below the binding only', () => {
    const users = files.filter((file) => libraryUse.test(source(file)));
    expect(users).not.toEqual([]);
    expect(users.filter((file) => file.startsWith('native/binding/'))).toEqual([]);
  });

  it('are checked: a wrong include is found', () => {
    const include = (name: string) => faults('native/core/io/io_ring.h', `#include ${name}\n`);
    expect(include('"native/core/base/counter.h"')).toEqual([]);
    expect(include('"native/core/controller/controller.h"')).toHaveLength(1);
    expect(include('"native/core/base/no_such_file.h"')).toHaveLength(1);
    expect(include('"counter.h"')).toHaveLength(1);
    expect(include('"../base/counter.h"')).toHaveLength(1);
    expect(include('<napi.h>')).toHaveLength(1);
    expect(include('<vector>')).toEqual([]);
  });
});
