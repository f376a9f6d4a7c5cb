import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { packPrebuilt } from '../prebuilt/pack.js';
import { cacheRoot, root } from '../setup/paths.js';
import { type SpdkTarget, startSpdkTarget } from '../target/spdk-target.js';
import { type Check, command } from './checks.js';
import { bundle } from './package-managers.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4487' } as const;
const subnqn = 'nqn.2026-11.dev.spdk-nvme:prebuilt';
const target = {
  nqn: subnqn,
  serial: 'PREBUILT',
  disk: { kind: 'malloc', sizeMb: 8, blockSize: 512 },
} as const;

/** What the project does: attach, write, read, detach. */
const PROGRAM = `
import { Environment, spdkVersion } from 'spdk-nvme';
const env = await Environment.init({ memoryMb: 64 });
try {
  const controller = await env.attach({ ...${JSON.stringify({ ...listener, subnqn })} });
  const [namespace] = controller.namespaces;
  await namespace.write(Buffer.alloc(512, 'x'), { offset: 0 });
  const read = await namespace.read(Buffer.alloc(512), { offset: 0 });
  console.log(read.toString('latin1', 0, 4), spdkVersion().file);
} finally {
  await env.close();
}
`;

/**
 * The binary package on a machine that can build nothing: a mount namespace in which the compiler, SPDK and this
 * checkout's build are gone, with an empty home, a PATH of Node.js and npm alone, and install scripts turned off.
 * @param packed where the packed package will be when the checks run
 */
export function prebuiltChecks(folder: string, packed: () => string, signal: AbortSignal): Check[] {
  const project = path.join(folder, 'with-binaries');
  const programs = path.join(folder, 'programs');
  const home = path.join(folder, 'empty-home');
  const hidden = ['/usr/lib/gcc', '/usr/include', cacheRoot, path.join(root, 'build')].filter(fs.existsSync);

  const onBareMachine = (...words: string[]) => {
    const hide = hidden.map((name) => `/usr/bin/mount -t tmpfs none '${name}'`).join(' && ');
    return command('unshare', ['--mount', 'sh', '-c', `${hide} && exec "$@"`, 'sh', ...words], signal, {
      cwd: project,
      env: { PATH: programs, HOME: home },
      extendEnv: false,
    });
  };

  return [
    {
      name: 'the binary package: two tarballs into an empty project, without compiler, SPDK and scripts',
      run: async () => {
        for (const name of [project, programs, home]) fs.mkdirSync(name);
        for (const name of ['node', 'npm', 'npx', 'sh', 'unshare', 'env']) link(programs, name);
        fs.writeFileSync(path.join(project, 'package.json'), '{ "name": "project", "private": true }');
        const install = ['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts'];
        await onBareMachine('npm', ...install, bundle(folder, packed()), packPrebuilt(folder));
        const found = await onBareMachine('npx', '--offline', 'spdk-nvme', 'advisories');
        if (!/^SPDK v\d/.test(found)) throw new Error(`advisories printed: ${found}`);
      },
    },
    {
      name: 'the binary package: attach over TCP, write and read',
      run: async () => {
        fs.writeFileSync(path.join(project, 'program.mjs'), PROGRAM);
        let running: SpdkTarget | undefined;
        try {
          running = await startSpdkTarget({
            listener,
            core: os.availableParallelism() - 1,
            subsystems: [target],
          });
          const printed = await onBareMachine('node', 'program.mjs');
          const wanted = `xxxx ${path.join(project, 'node_modules/@spdk-nvme/')}`;
          if (!printed.startsWith(wanted)) throw new Error(`It printed: ${printed}`);
        } finally {
          await running?.stop();
        }
      },
    },
    {
      name: 'the binary package: the doctor names it, and what it needs',
      run: async () => {
        const doctor = await onBareMachine('sh', '-c', 'npx --offline spdk-nvme doctor || true');
        if (!/ok +addon: built with SPDK v.*in the binary package @spdk-nvme\/.* glibc 2\.\d+/.test(doctor)) {
          throw new Error(`The doctor printed: ${doctor}`);
        }
      },
    },
  ];
}

/** Puts a program of this machine into a folder. */
function link(folder: string, name: string): void {
  const found = (process.env.PATH ?? '')
    .split(path.delimiter)
    .map((place) => path.join(place, name))
    .find((file) => fs.existsSync(file));
  if (found === undefined) throw new Error(`There is no ${name} on PATH`);
  fs.symlinkSync(found, path.join(folder, name));
}
