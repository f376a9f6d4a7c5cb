// Wraps (see wrapped.txt) the function in which SPDK before v22.05 connects the admin queue of a new controller. It holds the lock of
// all controllers meanwhile, which it needs for its lists of them only: connects, the last step of each, and detaches would wait until
// the target of another one has responded.

#include <pthread.h>
#include <spdk/nvme.h>

#include <cerrno>

#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

// NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

/** Of SPDK's lib/nvme/nvme_internal.h: what all controllers share, which begins with its lock. Weak: shared libraries hide both. */
struct nvme_driver {
  pthread_mutex_t lock;
};
[[gnu::weak]] extern nvme_driver* g_spdk_nvme_driver;

[[gnu::weak]] spdk_nvme_ctrlr* __real_nvme_transport_ctrlr_construct(const spdk_nvme_transport_id* id,
                                                                     const spdk_nvme_ctrlr_opts* options,
                                                                     void* device);
}

namespace {

/** Releases SPDK's lock while it lives. SPDK does the same, in the same function, around a callback. */
class Unlocked {
 public:
  explicit Unlocked(pthread_mutex_t& lock) : lock_(lock) { pthread_mutex_unlock(&lock_); }
  ~Unlocked() {
    if (pthread_mutex_lock(&lock_) == EOWNERDEAD) pthread_mutex_consistent(&lock_);
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  pthread_mutex_t& lock_;
};

}  // namespace

extern "C" {

/** The controller is on no list yet, and no other has its transport id (distinct_id.h): no thread looks for it. */
spdk_nvme_ctrlr* __wrap_nvme_transport_ctrlr_construct(const spdk_nvme_transport_id* id,
                                                       const spdk_nvme_ctrlr_opts* options, void* device) {
  // Later releases only begin to connect here. Over RDMA a target may keep the queue pair of a connect that is cancelled before
  // it is established, and nvmf_tgt does (docs/internals/spdk-releases.md): fewer are under way if they take turns.
  if (kAsyncQueuePairs || id->trtype != SPDK_NVME_TRANSPORT_TCP) {
    return __real_nvme_transport_ctrlr_construct(id, options, device);
  }
  const Unlocked meanwhile(g_spdk_nvme_driver->lock);
  return __real_nvme_transport_ctrlr_construct(id, options, device);
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
