// Aborting a command at the controller: which parts are named, what comes of it, and that it is not sent again.

#include "native/core/connection/abort_calls.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/ring_driver.h"
#include "native/core/base/linger_lock.h"

namespace spdk_nvme {
namespace {

constexpr uint32_t kBlock = 512;
constexpr uint32_t kSent = 3;
/** Aborts that are sent before others have completed. */
constexpr size_t kAtOnce = 4;

class AbortCallsTest : public testing::Test {
 protected:
  void SetUp() override {
    controller.data.mdts = 1;
    controller.data.acl = kAtOnce;
    controller.max_transfer = 8 * kBlock;
    controller.add(1, kBlock, 4096);
    controller.completions_of_poll = [this](size_t in_flight) { return held ? 0 : in_flight; };
    EXPECT_TRUE(memory->allocate(1 << 20, region));
    ring = std::make_shared<IoRing>(memory, 8);
    js = std::make_unique<RingDriver>(*ring);
    ring->set_namespaces(read_namespace_table(&controller, tags));
    js->tag = tags.of(1);
    set = std::make_unique<QueueSet>(&controller, linger, 0, std::vector<std::shared_ptr<IoRing>>{ring},
                                     history, stats);
    EXPECT_TRUE(set->connect(16, std::chrono::steady_clock::now() + std::chrono::seconds(10)));
  }
  void TearDown() override {
    held = false;
    set->disconnect_and_free();
  }

  uint32_t write(uint32_t blocks) {
    const uint32_t slot = js->push({.operation = RingLayout::write, .blocks = blocks, .region = region});
    EXPECT_TRUE(js->publish());
    set->poll();
    return slot;
  }
  void abort(uint32_t slot) {
    calls.send(&controller, *set, 0, slot, [this](AbortOutcome outcome) { outcomes.push_back(outcome); });
  }
  std::vector<uint32_t> completed() {
    set->poll();
    std::vector<uint32_t> statuses;
    for (const auto& one : js->reap()) statuses.push_back(one.status);
    return statuses;
  }

  bool held = true;
  spdk_nvme_ctrlr controller;
  NamespaceTags tags;
  std::shared_ptr<DmaMemory> memory = std::make_shared<DmaMemory>();
  std::shared_ptr<LingerLock> linger = std::make_shared<LingerLock>(2);
  std::shared_ptr<History> history = std::make_shared<History>(1, "nqn", 1);
  std::shared_ptr<IoStats> stats = std::make_shared<IoStats>(2);
  std::shared_ptr<IoRing> ring;
  std::unique_ptr<RingDriver> js;
  std::unique_ptr<QueueSet> set;
  uint32_t region = 0;
  AbortCalls calls;
  std::vector<AbortOutcome> outcomes;
};

TEST_F(AbortCallsTest, NamesEveryPartOfTheCommandAndNoOther) {
  write(1);
  const uint32_t slot = write(8 * kSent);
  js->cancel(slot);
  abort(slot);
  EXPECT_EQ(controller.aborts.size(), kSent);
  EXPECT_TRUE(calls.busy());
  EXPECT_TRUE(outcomes.empty());
  fake::complete_aborts(controller);
  EXPECT_EQ(outcomes, std::vector{AbortOutcome::aborted});
  EXPECT_FALSE(calls.busy());
  EXPECT_EQ(completed(), std::vector<uint32_t>{SPDK_NVME_SC_ABORTED_BY_REQUEST});
  EXPECT_EQ(js->busy(), 1U);
}

/** An Abort that the controller receives when its command has completed, and SPDK has used the identifier again. */
TEST_F(AbortCallsTest, WhatAnAbortForAnotherCommandEndsIsSentAgain) {
  const uint32_t slot = write(1);
  js->cancel(slot);
  abort(slot);
  held = false;
  EXPECT_EQ(completed(), std::vector<uint32_t>{SPDK_NVME_SC_SUCCESS});
  held = true;
  write(1);
  fake::complete_aborts(controller);
  EXPECT_EQ(completed(), std::vector<uint32_t>{});
  EXPECT_TRUE(ring->busy());
  set->poll();
  EXPECT_EQ(ring->in_flight(), 1U);
  held = false;
  EXPECT_EQ(completed(), std::vector<uint32_t>{SPDK_NVME_SC_SUCCESS});
}

TEST_F(AbortCallsTest, WhatMustNotBeSentTwiceWaitsForTheAborts) {
  const uint32_t slot = write(1);
  js->cancel(slot);
  abort(slot);
  held = false;
  EXPECT_EQ(completed(), std::vector<uint32_t>{SPDK_NVME_SC_SUCCESS});
  js->push({.operation = RingLayout::raw});
  EXPECT_TRUE(js->publish());
  EXPECT_EQ(completed(), std::vector<uint32_t>{});
  EXPECT_EQ(ring->in_flight(), 0U);
  // Others do not wait behind it.
  js->push({.blocks = 1, .region = region});
  EXPECT_TRUE(js->publish());
  EXPECT_EQ(completed(), std::vector<uint32_t>{SPDK_NVME_SC_SUCCESS});
  EXPECT_TRUE(ring->busy());
  fake::complete_aborts(controller);
  EXPECT_EQ(completed(), std::vector<uint32_t>{SPDK_NVME_SC_SUCCESS});
}

TEST_F(AbortCallsTest, WhatMustNotBeSentTwiceDoesNotWaitForAbortsOfAnEarlierConnection) {
  const uint32_t slot = write(1);
  js->cancel(slot);
  abort(slot);
  held = false;
  EXPECT_EQ(completed(), std::vector<uint32_t>{SPDK_NVME_SC_SUCCESS});
  calls.settle_all();
  js->push({.operation = RingLayout::raw});
  EXPECT_TRUE(js->publish());
  EXPECT_EQ(completed(), std::vector<uint32_t>{SPDK_NVME_SC_SUCCESS});
  controller.aborts.clear();
}

TEST_F(AbortCallsTest, IsNotSentAgainWhereCommandsWaitForTheNextConnection) {
  ring->set_requeue(true);
  const uint32_t slot = write(1);
  js->cancel(slot);
  abort(slot);
  fake::complete_aborts(controller);
  EXPECT_EQ(completed(), std::vector<uint32_t>{SPDK_NVME_SC_ABORTED_BY_REQUEST});
  EXPECT_FALSE(ring->busy());
}

TEST_F(AbortCallsTest, TellsACancelledCommandThatLostItsConnectionFromOneThatWasNeverSent) {
  ring->set_requeue(true);
  const uint32_t slot = write(1);
  set->disconnect_and_free();
  js->cancel(slot);
  ring->settle_cancelled();
  const auto lost = js->reap();
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0].status, RingLayout::kHostError | ECONNRESET);
  const uint32_t unsent = js->push({.operation = RingLayout::write, .blocks = 1, .region = region});
  EXPECT_TRUE(js->publish());
  js->cancel(unsent);
  ring->settle_cancelled();
  const auto cancelled = js->reap();
  ASSERT_EQ(cancelled.size(), 1U);
  EXPECT_EQ(cancelled[0].status, RingLayout::kHostError | ECANCELED);
}

TEST_F(AbortCallsTest, SaysThatTheControllerDidNot) {
  controller.aborts_commands = false;
  const uint32_t slot = write(1);
  abort(slot);
  fake::complete_aborts(controller);
  EXPECT_EQ(outcomes, std::vector{AbortOutcome::not_aborted});
  held = false;
  EXPECT_EQ(completed(), std::vector<uint32_t>{0});
}

TEST_F(AbortCallsTest, FindsNothingInAnEmptySlotOrOneThatThereIsNot) {
  abort(0);
  abort(8);
  abort(UINT32_MAX);
  EXPECT_EQ(outcomes, std::vector(3, AbortOutcome::not_found));
  EXPECT_TRUE(controller.aborts.empty());
}

TEST_F(AbortCallsTest, SendsAFewAtATime) {
  for (int i = 0; i < 8; i++) abort(write(1));
  EXPECT_EQ(controller.aborts.size(), kAtOnce);
  fake::complete_aborts(controller);
  EXPECT_EQ(outcomes, std::vector(kAtOnce, AbortOutcome::aborted));
  EXPECT_TRUE(calls.waiting());
  calls.send_more(&controller);
  EXPECT_EQ(controller.aborts.size(), kAtOnce);
  fake::complete_aborts(controller);
  EXPECT_EQ(outcomes, std::vector(2 * kAtOnce, AbortOutcome::aborted));
  EXPECT_FALSE(calls.waiting() || calls.busy());
}

TEST_F(AbortCallsTest, SendsNoMoreThanTheControllerAccepts) {
  controller.data.acl = 0;
  for (int i = 0; i < 3; i++) abort(write(1));
  for (size_t ended = 1; ended <= 3; ended++) {
    EXPECT_EQ(controller.aborts.size(), 1U);
    fake::complete_aborts(controller);
    EXPECT_EQ(outcomes.size(), ended);
    calls.send_more(&controller);
  }
  EXPECT_EQ(outcomes, std::vector(3, AbortOutcome::aborted));
}

TEST_F(AbortCallsTest, CountsAFusedPairAsTwo) {
  controller.data.acl = 1;
  controller.announce_compare_and_write();
  ring->set_namespaces(read_namespace_table(&controller, tags));
  js->tag = tags.of(1);
  const auto pair = [&] {
    const uint32_t slot = js->push({.operation = RingLayout::compare_and_write, .region = region});
    EXPECT_TRUE(js->publish());
    set->poll();
    return slot;
  };
  abort(write(1));
  const uint32_t slot = pair();
  abort(slot);
  EXPECT_EQ(controller.aborts.size(), 1U);
  fake::complete_aborts(controller);
  calls.send_more(&controller);
  abort(write(1));
  EXPECT_EQ(controller.aborts.size(), 1U);
  controller.data.acl = 0;
  fake::complete_aborts(controller);
  calls.send_more(&controller);
  fake::complete_aborts(controller);
  EXPECT_EQ(outcomes.size(), 3U);
  // A controller that accepts one is not asked.
  abort(pair());
  EXPECT_TRUE(controller.aborts.empty());
  EXPECT_EQ(outcomes.back(), AbortOutcome::not_aborted);
}

TEST_F(AbortCallsTest, DoesNotKeepTheSlotOfACommandThatEndsBeforeItsTurn) {
  for (size_t i = 0; i <= kAtOnce; i++) abort(write(1));
  held = false;
  completed();
  EXPECT_TRUE(outcomes.empty());
  calls.send_more(&controller);
  EXPECT_EQ(outcomes, std::vector{AbortOutcome::not_aborted});
  EXPECT_EQ(controller.aborts.size(), kAtOnce);
  fake::complete_aborts(controller);
  EXPECT_FALSE(calls.busy());
}

TEST_F(AbortCallsTest, SettlesWhatWaitsAtTheEnd) {
  for (size_t i = 0; i <= kAtOnce; i++) abort(write(1));
  calls.settle_all();
  EXPECT_EQ(outcomes, std::vector(kAtOnce + 1, AbortOutcome::not_aborted));
  EXPECT_FALSE(calls.waiting());
  controller.aborts.clear();
}

TEST_F(AbortCallsTest, SettlesWhatIsLeftAtTheEnd) {
  abort(write(1));
  calls.settle_all();
  EXPECT_EQ(outcomes, std::vector{AbortOutcome::not_aborted});
  controller.aborts.clear();
}

}  // namespace
}  // namespace spdk_nvme
