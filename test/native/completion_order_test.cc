#include "../../native/spdk/completion_order.h"

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

}  // namespace
}  // namespace spdk_nvme::spdk
