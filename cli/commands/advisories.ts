import type { Command } from 'commander';
import { advisories, spdkVersion } from 'spdk-nvme';
import { addOutputOption, type OutputOptions, print } from '../engine/terminal/output.js';

export function addAdvisories(program: Command): void {
  addOutputOption(
    program
      .command('advisories')
      .description(
        'List the known hangs, leaks and crashes of the linked SPDK release, and how this package avoids them.',
      )
      .option('--all', 'also list those that do not concern this release', false),
  ).action(({ all, outputFormat }: OutputOptions & { all: boolean }) => {
    const list = advisories({ all });
    print(outputFormat, { spdk: spdkVersion().text, advisories: list }, () =>
      [
        `${spdkVersion().text}: ${list.length} advisories`,
        ...list.map(
          (one) => `\n${one.id}${one.url ? `  ${one.url}` : ''}\n  ${one.consequence}\n  ${one.defence}`,
        ),
      ].join('\n'),
    );
  });
}
