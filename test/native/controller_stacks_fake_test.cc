// Whose stacks the report of a wedged controller has.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kLimit = 10s;
constexpr uint32_t kDepth = 8;

/** Keeps a poller in a call, as SPDK would, from before it is given anything else. */
class HeldPoller {
 public:
  HeldPoller(size_t index, std::shared_future<void> released)
      : poller_(std::make_unique<Poller>(index, PollerOptions{})) {
    lost_.add(1, 512, 8);
    lost_.drop = true;
    const auto linger = std::make_shared<LingerLock>(index + 1);
    const auto set = std::make_shared<QueueSet>(
        &lost_, linger, index, std::vector{std::make_shared<IoRing>(std::make_shared<DmaMemory>(), kDepth)},
        std::make_shared<History>(1, "fake"), std::make_shared<IoStats>(index + 1));
    set_ = set;
    set->on_failure = [this, released = std::move(released)] {
      held_.set_value();
      released.wait();
    };
    const LingerLock::ExclusiveGuard alone(*linger);
    EXPECT_TRUE(set->connect(kDepth, Clock::now() + kLimit));
  }

  /** Hands the poller over once it is held. */
  std::unique_ptr<Poller> take() {
    poller_->add(set_);
    held_.get_future().wait();
    return std::move(poller_);
  }
  void free() const { set_->free(); }

 private:
  spdk_nvme_ctrlr lost_;
  std::promise<void> held_;
  std::shared_ptr<QueueSet> set_;
  std::unique_ptr<Poller> poller_;
};

TEST(ControllerStacks, HasEveryPollerThatServesItBeforeItsFirstPollToo) {
  const auto services = std::make_shared<ControllerServices>(2, 0);
  ControlThreads threads;
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::list<HeldPoller> held;
  for (size_t i = 0; i < 3; i++) {
    services->pollers.push_back(held.emplace_back(i, released).take());
  }
  auto request = fake::request(1'000);
  request.connect.io_queues = 2;
  request.connect.queue_depth = kDepth;
  const auto controller = Controller::start(services, threads, request, {});
  const auto limit = Clock::now() + kLimit;
  while (controller->state() == ControllerState::attaching && Clock::now() < limit) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(controller->state(), ControllerState::attached);

  const std::string stacks = controller->stacks(1s);
  const auto serving = std::ranges::count_if(services->pollers, [&stacks](const auto& poller) {
    return stacks.find("(thread " + std::to_string(poller->thread_id())) != std::string::npos;
  });
  EXPECT_EQ(serving, 2) << stacks;

  release.set_value();
  controller->detach({.timeout = kLimit}, [](const DetachReport& /*report*/) {});
  EXPECT_TRUE(controller->wait_for_end(kLimit));
  for (const auto& poller : services->pollers) {
    poller->stop();
    EXPECT_TRUE(poller->join_for(kLimit));
  }
  for (const HeldPoller& one : held) one.free();
}

}  // namespace
}  // namespace spdk_nvme
