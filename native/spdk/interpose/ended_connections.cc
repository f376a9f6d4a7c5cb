#include "native/spdk/interpose/ended_connections.h"

#include <infiniband/verbs.h>

#include <cerrno>

#include "native/spdk/interpose/completion_order.h"
#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

namespace {

/** After a lost link, or a disconnect by this package. */
bool in_error(ibv_qp* queue_pair) {
  ibv_qp_attr attributes{};
  ibv_qp_init_attr initial{};
  return queue_pair != nullptr && ibv_query_qp(queue_pair, &attributes, IBV_QP_STATE, &initial) == 0 &&
         attributes.qp_state == IBV_QPS_ERR;
}

}  // namespace

// The wrap (see wrapped.txt). NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

decltype(rdma_disconnect) __real_rdma_disconnect;

int __wrap_rdma_disconnect(rdma_cm_id* id) {
  if (id->qp != nullptr) note_disconnected(id->qp);
  // From v22.05 on SPDK waits up to a second for an event about this, and the outstanding commands do not end. Of a connection that has
  // ended, the event came before, or never comes. With an error SPDK does not wait.
  const bool ended = kAsyncQueuePairs && (ended_connections().has(id) || in_error(id->qp));
  const int result = __real_rdma_disconnect(id);
  if (result != 0 || !ended) return result;
  errno = ENOTCONN;
  return -1;
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)

}  // namespace spdk_nvme::spdk
