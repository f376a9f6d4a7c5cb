import { describe, expect, it } from 'vitest';
import { whyItFailed } from '../../scripts/install/tools.mjs';

describe('what a build lacked', () => {
  it.each([
    ['a.cc:2:10: fatal error: numa.h: No such file or directory', 'libnuma-dev'],
    ['/usr/bin/ld: cannot find -lrdmacm: No such file or directory', 'librdmacm-dev'],
    ["a.cc:7:3: error: 'x' was not declared", undefined],
    ['gyp ERR! stack Error: Could not find any Python', undefined],
  ])('%s', (line, debian) => {
    expect(whyItFailed(`gyp info ok\n  ${line}\nmake: *** Error 1\n`)).toEqual({ line, debian });
  });
});
