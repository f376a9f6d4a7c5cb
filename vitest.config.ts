import os from 'node:os';
import path from 'node:path';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/** Half of the time of these tests is spent on waiting for child processes and timers: one worker less would leave a core idle. */
const workers = os.availableParallelism();

/**
 * Files that need a process of their own: they look at what the first environment of a process does, at what a process had before it, take
 * away a device that verbs would keep open, or need nearly all hugepages for other processes.
 */
const ownProcess = [
  'test/integration/{child-processes,log,nvme-cli,reuse}.test.ts',
  'test/integration/faults/device-removed.test.ts',
];

/**
 * Integration tests load the built package, which Node.js loads by itself: in the emulated guest half of the time of an import. The
 * fabric's command builds it. The fabric is one for all: one file at a time.
 */
function inGuest(
  name: string,
  options: TestProjectInlineConfiguration['test'],
): TestProjectInlineConfiguration {
  return {
    extends: true,
    resolve: {
      alias: [
        { find: /^spdk-nvme$/, replacement: path.resolve('dist/index.js') },
        { find: /^spdk-nvme\/(\w+)$/, replacement: path.resolve('dist/$1/index.js') },
        { find: /^(?:\.\.\/)+lib\/((?:\w+\/)?index\.js)$/, replacement: path.resolve('dist/$1') },
      ],
    },
    test: {
      name,
      server: { deps: { external: [/\/dist\//] } },
      pool: 'forks',
      fileParallelism: false,
      testTimeout: 60_000,
      hookTimeout: 60_000,
      ...options,
    },
  };
}

export default defineConfig({
  // As in tsconfig.json: the command line imports the package by its name.
  resolve: {
    alias: [
      { find: /^spdk-nvme$/, replacement: path.resolve('lib/index.ts') },
      { find: /^spdk-nvme\/(\w+)$/, replacement: path.resolve('lib/$1/index.ts') },
    ],
  },
  // The fabric's guest sees the checkout read-only: nothing may be cached beside node_modules.
  cacheDir: path.join(os.tmpdir(), 'spdk-nvme-vite'),
  test: {
    // The limits of waits that have none of their own.
    setupFiles: ['test/support/patient-waits.ts'],
    expect: { poll: { timeout: 10_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          setupFiles: ['test/support/faked-time.ts'],
          maxWorkers: workers,
          // Some start Node.js or compute for seconds, and ten times as long on a machine that is busy otherwise.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          // Tests that read or compile the checkout: the same on every Node.js.
          name: 'source',
          include: ['test/source/**/*.test.ts'],
          maxWorkers: workers,
          // Some start compilers.
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          // Tests of the fabric itself, from outside: they boot virtual machines.
          name: 'fabric',
          include: ['test/fabric/**/*.test.ts'],
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'tcp',
          include: ['test/tcp/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          // For the few whose tests are processes of their own that wait most of the time.
          maxConcurrency: 4,
          testTimeout: 60_000,
          hookTimeout: 90_000,
        },
      },
      inGuest('integration', {
        include: ['test/integration/**/*.test.ts'],
        exclude: ownProcess,
        // One process for all files: in the guest a process takes ten seconds until it has loaded Vitest, the package and SPDK.
        isolate: false,
        maxWorkers: 1,
        setupFiles: ['test/integration/support/environments.ts'],
      }),
      inGuest('integration-alone', { include: ownProcess }),
    ],
  },
});
