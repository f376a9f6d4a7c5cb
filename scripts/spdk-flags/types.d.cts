export type Environ = Readonly<Record<string, string | undefined>>;

/** The folders one SPDK lives in, before anything is decided about linking. */
export interface SpdkPlaces {
  includeDirs: string[];
  libDirs: string[];
  /** Archives named by full path that SPDK needs besides its own and DPDK's, such as ISA-L's. */
  extraArchives: string[];
  /** `-l…` and similar tokens, where pkg-config knows them; otherwise undefined. */
  systemLibraries?: string[] | undefined;
}

export type Linkage = 'static' | 'shared';

export interface SpdkFlags {
  source: 'SPDK_PREFIX' | 'pkg-config' | 'cache';
  /** What a reader needs to find the same SPDK again: the prefix, or pkg-config's module names. */
  where: string;
  /** As spdk/version.h says: `20.07`, `23.01.1`, `24.09-pre`. */
  version: string;
  linkage: Linkage;
  /** DPDK may be shared where SPDK is static. */
  dpdkLinkage: Linkage;
  includeDirs: string[];
  cflags: string[];
  ldflags: string[];
  libraries: string[];
}
