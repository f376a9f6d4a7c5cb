// SPDK's own programs.

import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { spdkFolder } from '../setup/paths.js';
import spdkCache from '../spdk-flags/cache.cjs';

/** The paths of SPDK's own programs by their names in v20.07; later releases add spdk_nvme_ to two of them. */
const namesOf = {
  nvmf_tgt: ['nvmf_tgt'],
  perf: ['perf', 'spdk_nvme_perf'],
  identify: ['identify', 'spdk_nvme_identify'],
} as const;

/** The path of one of SPDK's programs: of the user's SPDK if it has them, otherwise of the one that set-up built. */
export function spdkProgram(name: keyof typeof namesOf): string {
  const prefix = process.env.SPDK_PREFIX;
  const folders = [
    ...(prefix ? ['bin', 'build/bin', 'build/examples'].map((folder) => path.join(prefix, folder)) : []),
    ...builds().map((build) => path.join(spdkFolder, build, 'bin')),
  ];
  for (const folder of folders) {
    for (const file of namesOf[name]) {
      const program = path.join(folder, file);
      if (fs.existsSync(program)) return program;
    }
  }
  throw new Error(
    `SPDK's program ${name} is not in ${folders.join(', ') || spdkFolder}; npm run setup builds it`,
  );
}

/** The release of one of SPDK's programs, as native/spdk/release.h counts: 2205 for v22.05. */
export async function programRelease(program: string): Promise<number> {
  const { stdout } = await execa(program, ['--version'], { reject: false });
  const [, major, minor] = /v(\d+)\.(\d+)/.exec(stdout) ?? [];
  if (minor === undefined) throw new Error(`${program} does not say its release: ${stdout}`);
  return Number(major) * 100 + Number(minor);
}

/** The present build of set-up comes first; others are from earlier recipes. */
function builds(): string[] {
  if (!fs.existsSync(spdkFolder)) return [];
  const { key } = spdkCache.readRecipe();
  const names = fs.readdirSync(spdkFolder).filter((entry) => entry.startsWith('v'));
  return names.sort((a, b) => Number(b === key) - Number(a === key));
}
