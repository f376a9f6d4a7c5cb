{
  # Builds the addon for users; contributors also have native/CMakeLists.txt, which builds the same sources.
  'variables': {
    # Set-up turns warnings into errors; an installed package must survive compilers we have never seen.
    'werror%': 0,
  },
  'targets': [
    {
      'target_name': 'spdk_nvme',
      'sources': [
        "<!@(node -p \"fs.readdirSync('native', { recursive: true }).filter((name) => name.endsWith('.cc')).sort().map((name) => 'native/' + name).join(' ')\")",
      ],
      'defines': [
        'NAPI_VERSION=9',
        'NODE_ADDON_API_CPP_EXCEPTIONS',
        # A worker may be terminated in the middle of a call: no error can be thrown any more, and none needs to be.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': [
        '-std=c++20',
        '-fexceptions',
        '-fvisibility=hidden',
        '-Wall',
        '-Wextra',
        '-Wpedantic',
        '-Wshadow',
        '-Wnon-virtual-dtor',
        # GCC 12 warns of its own std::string operator+, which clang does not know.
        '-Wno-restrict',
        '-Wno-unknown-warning-option',
        # For quoted includes alone, and from the package's root: SPDK has a spdk/env.h as native/ has.
        "-iquote<!(node -p \"path.resolve('.')\")",
        "-isystem<!(node -p \"path.resolve(require('node-addon-api').include_dir)\")",
        '<!@(node scripts/spdk-flags.cjs cflags)',
      ],
      'ldflags': [
        '<!@(node scripts/spdk-flags.cjs ldflags)',
        # SPDK's and DPDK's calls of these functions come to native/spdk/interpose.
        "-Wl,@<!(node -p \"path.resolve('native/spdk/interpose/wrapped.txt')\")",
        # SPDK's and DPDK's threads must never find their code unmapped.
        '-Wl,-z,nodelete',
        '-Wl,-z,now',
      ],
      'libraries': ['<!@(node scripts/spdk-flags.cjs libraries)'],
      'conditions': [
        ['werror==1', {'cflags_cc': ['-Werror']}],
      ],
    },
  ],
}
