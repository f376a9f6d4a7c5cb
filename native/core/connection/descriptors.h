#pragma once

#include <cerrno>

#include "native/core/base/status.h"
#include "native/spdk/interpose/close_on_exec.h"

namespace spdk_nvme {

inline Status no_descriptors() {
  return Status::failure("ERR_SPDK_NO_DESCRIPTORS",
                         "this process has reached its limit of open files; see `ulimit -n`", EMFILE);
}

/** Whether this process may open another file. Counting the open files needs one itself. Any thread. */
inline Status check_one_descriptor() {
  return spdk::count_descriptors() > 0 ? Status::success() : no_descriptors();
}

}  // namespace spdk_nvme
