// What set-up makes ready in a checkout, in this order. The steps are in scripts/setup, which knows none of these names.

import { prepareFabric } from './fabric/prepare.js';
import nodeReleases from './node-releases.json' with { type: 'json' };
import { addon } from './setup/addon.js';
import { compiled } from './setup/compiled.js';
import { nodePrograms } from './setup/node-releases.js';
import { debianPackages } from './setup/packages.js';
import { prepared } from './setup/prepared.js';
import { hasOwnSpdk, spdk } from './setup/spdk.js';
import type { Step } from './setup/step.js';
import { findBrowser } from './testing/find-browser.js';

const words = (text: string) => text.trim().split(/\s+/);

const packages = debianPackages([
  // To compile the addon.
  { names: words('g++ make pkg-config python3 libibverbs-dev librdmacm-dev libnuma-dev uuid-dev') },
  // For the C++ tests.
  { names: words('ccache clang-format clang-tidy cmake ninja-build libgtest-dev valgrind') },
  {
    // To download and build SPDK.
    names: words(`
      ca-certificates debian-archive-keyring libaio-dev libssl-dev meson nasm patch procps python3-pyelftools xz-utils
    `),
    needed: () => !hasOwnSpdk(),
  },
  // For the fabric.
  { names: words('qemu-system-x86 busybox-static cpio iproute2 kmod nvme-cli rdma-core xz-utils zstd') },
  // An NBD client, for the test of examples/nbd-export.mjs.
  { names: ['qemu-utils'] },
  { names: ['chromium'], needed: () => findBrowser() === undefined },
]);

export const steps: readonly Step[] = [
  packages,
  spdk({
    // What the initiator and the programs need. Not iscsi, whose arc4random conflicts with that of glibc 2.36, and none that
    // only SPDK's own tests use.
    libraries: words(`
      accel bdev blob blobfs conf env_dpdk event ftl ioat json jsonrpc log
      log_rpc lvol nbd net notify nvme nvmf rdma rpc scsi sock thread trace
      util vmd
    `),
    // For tests and benchmarks: an independent target, and two plain initiators.
    programs: [
      { folder: 'app/nvmf_tgt', file: 'build/bin/nvmf_tgt' },
      { folder: 'examples/nvme/perf', file: 'build/examples/perf' },
      { folder: 'examples/nvme/identify', file: 'build/examples/identify' },
    ],
    // native/spdk/release.h includes it.
    patchesHeader: { file: 'spdk_nvme_patches.h', macro: 'SPDK_NVME_PATCHES' },
  }),
  addon({ name: 'spdk_nvme', sources: ['binding.gyp', 'native/binding', 'native/core', 'native/spdk'] }),
  compiled({
    sources: ['lib', 'cli', 'scripts/bundle.ts', 'tsconfig.json', 'tsconfig.build.json'],
    compilers: ['typescript', 'esbuild'],
    made: 'dist/index.js',
  }),
  // The oldest of each line in package.json's `engines`: `npm test` runs tests on all of them.
  nodePrograms(nodeReleases),
  prepared('Soft-RoCE fabric', prepareFabric),
];
