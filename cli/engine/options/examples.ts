// One example for each verb: its help shows it, and every message about wrong options ends with it.
import type { Command } from 'commander';
import { withoutKeys } from './key-options.js';

const service = '-t tcp -a 192.0.2.1';
const target = `${service} -s 4420 -n nqn.2016-06.io.spdk:cnode1`;

const words: Readonly<Record<string, string>> = {
  doctor: target,
  build: '--spdk /opt/spdk',
  discover: service,
  list: service,
  'list-subsys': service,
  'id-ctrl': `${target} -o json`,
  'id-ns': `${target} -N 1`,
  'ns-descs': `${target} -N 1`,
  'list-ns': target,
  'smart-log': target,
  'error-log': `${target} -e 4`,
  'get-log': `${target} -i 2 -l 512`,
  'get-feature': `${target} -f 7`,
  read: `${target} -z 1M -d image`,
  write: `${target} -d image`,
  compare: `${target} -d image`,
  'write-zeroes': `${target} --offset 0 -z 1M`,
  dsm: `${target} --ad --offset 0 -z 1M`,
  flush: target,
  'zns-id-ns': target,
  'zns-report-zones': `${target} --descs 8`,
  'zns-close-zone': `${target} --start-lba 0`,
  'zns-finish-zone': `${target} --start-lba 0`,
  'zns-open-zone': `${target} --start-lba 0`,
  'zns-reset-zone': `${target} --select-all`,
  'zns-offline-zone': `${target} --start-lba 0`,
  'zns-zone-mgmt-send': `${target} --start-lba 0 --zsa 4`,
  'zns-zone-append': `${target} --zslba 0 --data image`,
  copy: `${target} --sdlba 1024 --slbs 0 --blocks 127`,
  format: `${target} -N 1 --lbaf 0 --force`,
  'create-ns': `${target} --nsze 2097152 --force`,
  'delete-ns': `${target} -N 2 --force`,
  'attach-ns': `${target} -N 2 --force`,
  'detach-ns': `${target} -N 2 --force`,
  'fw-download': `${target} --fw image --force`,
  'fw-commit': `${target} --slot 1 --action 1 --force`,
  sanitize: `${target} --sanact start-block-erase --force`,
  'sanitize-log': target,
  'device-self-test': `${target} --self-test-code 1 --force`,
  'self-test-log': target,
  'admin-passthru': `${target} -O 0x06 --cdw10 1 -l 4096 -R`,
  'io-passthru': `${target} -O 0x00`,
  perf: `${target} --workload randread --depth 32 --seconds 10`,
  advisories: '--all',
  stress: `${target} --loops 1000 --reads`,
  top: '--interval 2',
};

/** The line to type for an example of a verb. */
export function exampleOf(verb: string): string {
  return `spdk-nvme ${[verb, words[verb]].filter(Boolean).join(' ')}`;
}

/** Puts the example of each verb into its help. */
export function addExamples(program: Command): void {
  for (const verb of program.commands) {
    verb.addHelpText('after', `\nExample:\n  ${exampleOf(verb.name())}`);
  }
}

/** What is wrong with the words of a command line, as one line with an example. */
export function usageMessage(problem: string, verb: string): string {
  const line = problem
    .replace(/^error: /, '')
    .trim()
    .replace(/\s*\n\s*/g, ' ');
  const end = /[.!?)]$/.test(line) ? '' : '.';
  return `spdk-nvme: ${withoutKeys(line)}${end} For example: ${verb === '' ? 'spdk-nvme --help' : exampleOf(verb)}\n`;
}
