// Wraps (see wrapped.txt) the functions with which SPDK registers memory with an RDMA device.

#include "native/spdk/interpose/memory_registration.h"

#include <infiniband/verbs.h>

// Newer headers make a macro of it, which chooses one of the two functions.
#undef ibv_reg_mr

namespace spdk_nvme::spdk {

namespace {

ibv_mr* counted(ibv_mr* region) {
  if (region == nullptr) failed_registrations++;
  return region;
}

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

ibv_mr* __real_ibv_reg_mr(ibv_pd* domain, void* address, size_t length, int access);
ibv_mr* __real_ibv_reg_mr_iova2(ibv_pd* domain, void* address, size_t length, uint64_t iova, unsigned access);

ibv_mr* __wrap_ibv_reg_mr(ibv_pd* domain, void* address, size_t length, int access) {
  return counted(__real_ibv_reg_mr(domain, address, length, access));
}

ibv_mr* __wrap_ibv_reg_mr_iova2(ibv_pd* domain, void* address, size_t length, uint64_t iova,
                                unsigned access) {
  return counted(__real_ibv_reg_mr_iova2(domain, address, length, iova, access));
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
