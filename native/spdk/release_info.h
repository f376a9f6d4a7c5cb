#pragma once

#include <string>

namespace spdk_nvme::spdk {

/** The SPDK release that the addon is built with, for reports. */
struct ReleaseInfo {
  int major;
  int minor;
  int patch;
  /** The release with its suffix, such as "SPDK v20.07". */
  const char* text;
  /** The patches that set-up applied to it: names of files in scripts/spdk-patches, separated by spaces. */
  const char* patches;
  /** Whether SPDK and DPDK are archives, linked into the addon. */
  bool static_spdk;
  bool static_dpdk;
  /** The first release that can send the Verify command; empty if this one can. */
  const char* first_with_verify;
};
ReleaseInfo release_info();

/** Returns a text for messages: "SPDK v20.07 ignores tos; use v23.01 or later". */
std::string lacks(const std::string& what, const std::string& first_release);

}  // namespace spdk_nvme::spdk
