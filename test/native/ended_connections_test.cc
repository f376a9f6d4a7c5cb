#include "native/spdk/interpose/ended_connections.h"

#include <gtest/gtest.h>

namespace spdk_nvme::spdk {
namespace {

TEST(EndedConnections, HasOneThatTheTargetHasDisconnectedUntilItIsForgotten) {
  EndedConnections ended;
  rdma_cm_id one{};
  rdma_cm_id other{};
  EXPECT_FALSE(ended.has(&one));
  rdma_cm_event event{};
  event.id = &one;
  event.event = RDMA_CM_EVENT_ESTABLISHED;
  ended.note(event);
  EXPECT_FALSE(ended.has(&one));
  event.event = RDMA_CM_EVENT_DISCONNECTED;
  ended.note(event);
  EXPECT_TRUE(ended.has(&one));
  EXPECT_FALSE(ended.has(&other));
  ended.forget(&one);
  EXPECT_FALSE(ended.has(&one));
}

}  // namespace
}  // namespace spdk_nvme::spdk
