#include "cm_wait.h"

#include "release.h"

#include <dlfcn.h>
#include <rdma/rdma_cma.h>

#include <cerrno>

namespace spdk_nvme::spdk {

namespace {

thread_local bool t_no_wait = false;

}  // namespace

NoCmWait::NoCmWait(bool wanted) : before_(t_no_wait) {
  if constexpr (!kAsyncQueuePairs) t_no_wait |= wanted;
}

NoCmWait::~NoCmWait() {
  t_no_wait = before_;
}

}  // namespace spdk_nvme::spdk

/** Stands in for librdmacm's function of this name in whatever is linked into the addon, SPDK's archives too.
 */
extern "C" int rdma_get_cm_event(rdma_event_channel* channel, rdma_cm_event** event) {
  using Function = int (*)(rdma_event_channel*, rdma_cm_event**);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "rdma_get_cm_event"));
  if (spdk_nvme::spdk::t_no_wait || real == nullptr) {
    errno = ENOTCONN;
    return -1;
  }
  return real(channel, event);
}
