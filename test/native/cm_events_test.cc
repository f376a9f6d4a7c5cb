#include "native/spdk/interpose/cm_events.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <deque>
#include <vector>

namespace spdk_nvme::spdk {
namespace {

// What the connection manager has for us, and what was acknowledged.
std::deque<rdma_cm_event*> g_waiting;
std::vector<const rdma_cm_event*> g_acknowledged;

int fake_get(rdma_event_channel* /*channel*/, rdma_cm_event** event) {
  if (g_waiting.empty()) {
    errno = EAGAIN;
    return -1;
  }
  *event = g_waiting.front();
  g_waiting.pop_front();
  return 0;
}

int fake_acknowledge(rdma_cm_event* event) {
  g_acknowledged.push_back(event);
  return 0;
}

class CmEventsTest : public testing::Test {
 protected:
  CmEventsTest() {
    g_waiting.clear();
    g_acknowledged.clear();
    one_.channel = &channel_;
    other_.channel = &channel_;
  }

  rdma_cm_event event_of(rdma_cm_id& id) {
    rdma_cm_event event{};
    event.id = &id;
    return event;
  }

  /** The next event; null when there is none. */
  rdma_cm_event* next(rdma_event_channel& channel) {
    rdma_cm_event* event = nullptr;
    return events_.get(&channel, &event) == 0 ? event : nullptr;
  }
  rdma_cm_event* next() { return next(channel_); }

  rdma_event_channel channel_{};
  rdma_event_channel other_channel_{};
  rdma_cm_id one_{};
  rdma_cm_id other_{};
  CmEvents events_{fake_get, fake_acknowledge};
};

TEST_F(CmEventsTest, GivesAnIdsSecondEventWhenTheFirstIsAcknowledged) {
  rdma_cm_event first = event_of(one_);
  rdma_cm_event second = event_of(one_);
  rdma_cm_event of_other = event_of(other_);
  g_waiting = {&first, &second, &of_other};
  EXPECT_EQ(next(), &first);
  EXPECT_EQ(next(), &of_other);
  EXPECT_EQ(next(), nullptr);
  EXPECT_EQ(errno, EAGAIN);
  events_.acknowledge(&first);
  EXPECT_EQ(next(other_channel_), nullptr);
  EXPECT_EQ(next(), &second);
  events_.acknowledge(&second);
  EXPECT_EQ(g_acknowledged, (std::vector<const rdma_cm_event*>{&first, &second}));
}

TEST_F(CmEventsTest, AcknowledgesWhatWasHeldBackWhenTheIdIsDestroyed) {
  rdma_cm_event first = event_of(one_);
  rdma_cm_event second = event_of(one_);
  g_waiting = {&first, &second};
  EXPECT_EQ(next(), &first);
  EXPECT_EQ(next(), nullptr);
  events_.acknowledge(&first);
  events_.drop(&other_);
  EXPECT_EQ(g_acknowledged.size(), 1U);
  events_.drop(&one_);
  EXPECT_EQ(g_acknowledged, (std::vector<const rdma_cm_event*>{&first, &second}));
  EXPECT_EQ(next(), nullptr);
}

}  // namespace
}  // namespace spdk_nvme::spdk
