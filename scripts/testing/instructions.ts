// The part of `npm test` that counts instructions.

import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { buildFolder, root } from '../setup/paths.js';
import type { Counts } from './counts.js';

/** Commands that are outstanding together, and sent by one poll. */
const DEPTHS = [1, 32];
const COMMANDS = 6_400;
const MOST_GROWTH = 0.05;
/** Counting begins and ends with each of these. The fake of SPDK is left out, what it calls is counted. */
const TOGGLES = [
  'measured',
  'spdk_nvme_ctrlr_cmd_io_raw',
  'spdk_nvme_qpair_process_completions',
  'spdk_nvme::IoRing::on_complete*',
];
const RECORD = path.join(root, 'test/native/instructions.json');
const HOW_TO_RECORD = 'npm run test:native -- --record-instructions';

type PerCommand = Record<string, number>;

/**
 * How many instructions a command takes from the ring to the fake of SPDK and back, by depth: of one thread, so the same
 * in each run of one build. Needs what native.ts builds.
 */
async function countInstructions(signal: AbortSignal): Promise<PerCommand> {
  const program = path.join(buildFolder, 'native/instructions');
  const counted: PerCommand = {};
  for (const depth of DEPTHS) {
    const toggles = TOGGLES.map((name) => `--toggle-collect=${name}`);
    const options = ['--tool=callgrind', '--callgrind-out-file=/dev/null', ...toggles];
    const { stderr } = await execa('valgrind', [...options, program, String(depth), String(COMMANDS)], {
      cancelSignal: signal,
    });
    const total = Number(/Collected\s*:\s*(\d+)/.exec(stderr)?.[1]);
    if (!(total > 0)) throw new Error(`callgrind counted nothing:\n${stderr}`);
    counted[depth] = Math.round(total / COMMANDS);
  }
  return counted;
}

export async function recordInstructions(signal: AbortSignal): Promise<void> {
  fs.writeFileSync(RECORD, `${JSON.stringify(await countInstructions(signal), null, 2)}\n`);
}

/** Fails for each depth at which a command takes over 5 % more instructions than recorded. */
export async function checkInstructions(signal: AbortSignal): Promise<Counts> {
  const recorded = JSON.parse(fs.readFileSync(RECORD, 'utf8')) as PerCommand;
  const counted = await countInstructions(signal);
  const failures = DEPTHS.flatMap((depth) => {
    const now = counted[depth] ?? 0;
    const before = recorded[depth] ?? 0;
    console.log(`depth ${depth}: ${now} instructions for each command, ${before} recorded`);
    if (now <= before * (1 + MOST_GROWTH)) return [];
    const grown = `${now} instructions for each command at depth ${depth}, over 5 % more than the ${before} recorded`;
    return [`${grown}; if that has a reason, record it: ${HOW_TO_RECORD}`];
  });
  return { passed: DEPTHS.length - failures.length, failures, skipped: 0 };
}
