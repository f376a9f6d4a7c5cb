import { spdkVersion } from '../../../lib/index.js';

/** The linked release as native/spdk/release.h counts: 2205 for v22.05. */
export function release(): number {
  const { major, minor } = spdkVersion();
  return major * 100 + minor;
}
