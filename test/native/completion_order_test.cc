#include "native/spdk/interpose/completion_order.h"

#include <gtest/gtest.h>

#include <vector>

namespace spdk_nvme::spdk {
namespace {

ibv_wc completion(uint32_t queue_pair, ibv_wc_status status) {
  ibv_wc made{};
  made.qp_num = queue_pair;
  made.status = status;
  return made;
}

std::vector<ibv_wc_status> statuses_after(std::vector<ibv_wc> completions) {
  fail_after_failure(completions);
  std::vector<ibv_wc_status> statuses;
  for (const ibv_wc& one : completions) statuses.push_back(one.status);
  return statuses;
}

using Statuses = std::vector<ibv_wc_status>;

TEST(CompletionOrderTest, LeavesWhatEndedWell) {
  EXPECT_EQ(statuses_after({completion(1, IBV_WC_SUCCESS), completion(2, IBV_WC_SUCCESS)}),
            (Statuses{IBV_WC_SUCCESS, IBV_WC_SUCCESS}));
  EXPECT_EQ(statuses_after({}), Statuses{});
}

TEST(CompletionOrderTest, FailsWhatFollowsAFailure) {
  EXPECT_EQ(statuses_after({completion(1, IBV_WC_SUCCESS), completion(1, IBV_WC_RETRY_EXC_ERR),
                            completion(1, IBV_WC_SUCCESS), completion(1, IBV_WC_WR_FLUSH_ERR),
                            completion(1, IBV_WC_SUCCESS)}),
            (Statuses{IBV_WC_SUCCESS, IBV_WC_RETRY_EXC_ERR, IBV_WC_WR_FLUSH_ERR, IBV_WC_WR_FLUSH_ERR,
                      IBV_WC_WR_FLUSH_ERR}));
}

TEST(CompletionOrderTest, LeavesOtherQueuePairs) {
  EXPECT_EQ(statuses_after({completion(1, IBV_WC_WR_FLUSH_ERR), completion(2, IBV_WC_SUCCESS),
                            completion(1, IBV_WC_SUCCESS)}),
            (Statuses{IBV_WC_WR_FLUSH_ERR, IBV_WC_SUCCESS, IBV_WC_WR_FLUSH_ERR}));
}

TEST(DisconnectedQueuePairsTest, FailsTheirCompletionsUntilTheyAreDestroyed) {
  ibv_cq queue{};
  ibv_cq other_device{};
  ibv_qp first{};
  first.send_cq = &queue;
  first.qp_num = 1;
  ibv_qp second = first;
  second.qp_num = 2;

  DisconnectedQueuePairs disconnected;
  const auto polled = [&](const ibv_cq& from, uint32_t number, ibv_wc_status status = IBV_WC_SUCCESS) {
    std::vector<ibv_wc> completions = {completion(number, status)};
    disconnected.fail(&from, completions);
    return completions[0].status;
  };
  EXPECT_EQ(polled(queue, 1), IBV_WC_SUCCESS);
  disconnected.add(&first);
  disconnected.add(&first);
  EXPECT_EQ(polled(queue, 1), IBV_WC_WR_FLUSH_ERR);
  EXPECT_EQ(polled(queue, 1, IBV_WC_RETRY_EXC_ERR), IBV_WC_RETRY_EXC_ERR);
  EXPECT_EQ(polled(queue, 2), IBV_WC_SUCCESS);
  EXPECT_EQ(polled(other_device, 1), IBV_WC_SUCCESS);
  disconnected.add(&second);
  disconnected.remove(&first);
  EXPECT_EQ(polled(queue, 1), IBV_WC_SUCCESS);
  EXPECT_EQ(polled(queue, 2), IBV_WC_WR_FLUSH_ERR);
}

int poll_in_order(ibv_cq* /*queue*/, int /*most*/, ibv_wc* /*completions*/) {
  return 0;
}
int poll_first(ibv_cq* /*queue*/, int /*most*/, ibv_wc* /*completions*/) {
  return 1;
}
int poll_second(ibv_cq* /*queue*/, int /*most*/, ibv_wc* /*completions*/) {
  return 2;
}

TEST(PolledDevicesTest, AddsADeviceOnce) {
  PolledDevices devices;
  ibv_context device{};
  device.ops.poll_cq = poll_first;
  devices.add(&device, poll_in_order);
  devices.add(&device, poll_in_order);
  EXPECT_EQ(device.ops.poll_cq, poll_in_order);
  EXPECT_EQ(devices.own(&device), poll_first);
}

TEST(PolledDevicesTest, KnowsTheLatestDeviceOfAPlaceInMemory) {
  PolledDevices devices;
  ibv_context device{};
  device.ops.poll_cq = poll_first;
  devices.add(&device, poll_in_order);
  // It is closed, and another one is opened there, of another kind.
  device.ops.poll_cq = poll_second;
  devices.add(&device, poll_in_order);
  EXPECT_EQ(devices.own(&device), poll_second);
}

TEST(PolledDevicesTest, TakesAnyNumberOfDevices) {
  PolledDevices devices;
  std::vector<ibv_context> many(200);
  for (size_t i = 0; i < many.size(); i++) {
    many[i].ops.poll_cq = i % 2 == 0 ? poll_first : poll_second;
    devices.add(&many[i], poll_in_order);
  }
  for (size_t i = 0; i < many.size(); i++) {
    EXPECT_EQ(many[i].ops.poll_cq, poll_in_order) << i;
    EXPECT_EQ(devices.own(&many[i]), i % 2 == 0 ? poll_first : poll_second) << i;
  }
}

}  // namespace
}  // namespace spdk_nvme::spdk
