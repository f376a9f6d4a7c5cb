// The life of a controller over a fake of SPDK: generated schedules of losses, resets, detaches, cancelled attaches,
// failed reconnects and a silent target, on real threads. A schedule is repeated by its seed:
//   controller_life_fake_test --gtest_filter='*Schedule/17'
// Longer than other files: the generator of schedules and the environment that they run in need each other.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/fake_target.h"
#include "fake_spdk/ring_driver.h"
#include "native/core/controller/controller.h"
#include "native/spdk/distinct_id.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/** Longer than any wait of a schedule, on a machine that is busy. */
constexpr auto kLimit = 60s;
constexpr uint32_t kDepth = 8;
constexpr unsigned kSchedules = 100;

/** What is reported to the owner of a controller. */
class Owner {
 public:
  ControllerEvents events() {
    return {.attached =
                [this](const Status& status) {
                  note([&] {
                    EXPECT_FALSE(attached_) << "attached twice";
                    attached_ = status;
                    if (status.ok()) state_ = ControllerState::attached;
                  });
                },
            .state_changed = [this](ControllerState state) { note([&] { enter(state); }); },
            .failed = [this](const Status& why) { note([&] { EXPECT_FALSE(why.ok()); }); },
            .reset = [this](const ResetStep& /*step*/) { note([] {}); },
            .io_completed = [this] { events_++; },
            .namespaces_changed = [this] { note([] {}); },
            .log_changed = [this] { note([] {}); },
            .reservations_changed = [this] { note([] {}); }};
  }

  [[nodiscard]] std::optional<Status> attached() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return attached_;
  }
  [[nodiscard]] uint64_t heard() const { return events_; }
  [[nodiscard]] ControllerState last_state() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return state_;
  }

 private:
  template <typename Body>
  void note(Body body) {
    const std::lock_guard<std::mutex> guard(mutex_);
    events_++;
    body();
  }
  void enter(ControllerState state) {
    EXPECT_TRUE(attached_) << "a state before the attach was reported";
    EXPECT_TRUE(can_follow(state_, state)) << to_string(state_) << " -> " << to_string(state);
    state_ = state;
  }

  /** Guards attached_ and state_. */
  std::mutex mutex_;
  std::optional<Status> attached_;
  ControllerState state_ = ControllerState::attaching;
  std::atomic<uint64_t> events_{0};
};

/** JavaScript's side of one queue pair. */
class Program {
 public:
  /** @param offset of the memory that all of its commands use */
  Program(const IoQueues::QueuePair& pair, uint32_t tag, uint32_t region, uint32_t offset)
      : pair_(pair), driver_(*pair.ring, tag), region_(region), offset_(offset) {}

  void submit(std::mt19937_64& random) {
    if (!driver_.has_free()) return;
    const uint32_t blocks = random() % 5 == 0 ? 40 : 1;
    const uint32_t slot =
        driver_.push({.first = random() % 900, .blocks = blocks, .region = region_, .offset = offset_});
    outstanding_.insert(slot);
    ASSERT_TRUE(driver_.publish());
    pair_.submitted();
    if (random() % 11 == 0) driver_.cancel(slot);
    poll();
  }
  void poll() {
    // Beside a poller JavaScript has no time to look now and then.
    const bool busy = pair_.poller != nullptr && (turns_++ / 16) % 2 == 1;
    if (pair_.js_set != nullptr && !busy) pair_.js_set->poll();
    driver_.ask();
    for (const auto& completion : driver_.reap()) {
      EXPECT_EQ(outstanding_.erase(completion.slot), 1U) << "a command completed twice";
    }
  }
  [[nodiscard]] bool idle() const { return outstanding_.empty(); }

 private:
  const IoQueues::QueuePair pair_;
  RingDriver driver_;
  const uint32_t region_;
  const uint32_t offset_;
  std::set<uint32_t> outstanding_;
  unsigned turns_ = 0;
};

class Schedule : public testing::TestWithParam<unsigned> {
 protected:
  Schedule() : random_(GetParam()) {
    fake::Target& target = fake::target();
    target.rejects = target.silent = false;
    target.rejected_queue_pairs = target.polls_in_vain = 0;
    target.ends_while_identifying = false;
    for (size_t i = 0; i < 2; i++) services_->pollers.push_back(std::make_unique<Poller>(i, PollerOptions{}));
    EXPECT_TRUE(services_->memory->allocate(1 << 20, region_));
  }

  [[nodiscard]] bool chance(unsigned one_in) { return random_() % one_in == 0; }

  Controller::Request request(const spdk_nvme_transport_id& id) {
    Controller::Request request;
    request.transport_id = id;
    request.connect.io_queues = 1 + random_() % 3;
    request.connect.queue_depth = kDepth;
    request.connect.timeout_ms = 50;
    request.connect.keep_alive_ms = chance(3) ? 0 : 200;
    request.polling =
        std::array{PollingMode::threads, PollingMode::javascript, PollingMode::adaptive}[random_() % 3];
    if (!chance(3)) {
      request.reconnect = {.delay = 3ms,
                           .loss_timeout = chance(2) ? 40ms : ReconnectPolicy::kForever,
                           .fast_io_fail = chance(2) ? 15ms : 0ms};
    }
    return request;
  }

  void begin() {
    fake::target().rejects = chance(12);
    fake::target().silent = chance(12);
    for (auto left = random_() % 4; left > 0; left--) {
      auto id = id_;
      strcat(id.subnqn, std::to_string(left).c_str());
      Companion& one = companions_.emplace_back();
      one.controller = Controller::start(services_, threads_, request(id), one.owner.events());
    }
    controller_ = Controller::start(services_, threads_, request(id_), owner_.events());
  }

  void step() {
    fake::Target& target = fake::target();
    switch (random_() % 20) {
      case 0:
        fake::lose_queue_pairs();
        // The report of the loss and the end of the connection may pass each other.
        if (chance(2)) controller_->reset();
        return;
      case 1:
        return fake::lose_admin_queues();
      case 2:
        if (chance(3)) target.ends_while_identifying = true;
        return fake::report_namespace_change();
      case 3:
        target.rejects = chance(2);
        return;
      case 4:
        target.silent = chance(4);
        return;
      case 5:
        target.rejected_queue_pairs = 1;
        return;
      case 6:
        target.polls_in_vain = chance(2) ? 22 : 0;
        return;
      case 7:
        controller_->reset();
        return;
      case 8:
        return send_admin();
      case 9:
        std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 8));
        return;
      default:
        submit();
    }
  }

  void send_admin() {
    AdminCommand command;
    command.opcode = SPDK_NVME_OPC_KEEP_ALIVE;
    command.done = [&calls = expect_call()](const AdminResult& /*result*/) { calls++; };
    controller_->admin(std::move(command));
  }

  void submit() {
    if (programs_.empty()) {
      const auto attached = owner_.attached();
      if (!attached || !attached->ok()) return;
      const uint32_t tag = controller_->description().namespaces().at(0).tag;
      for (const auto& pair : controller_->queue_pairs()) {
        const auto offset = static_cast<uint32_t>(programs_.size()) << 16;
        programs_.emplace_back(pair, tag, region_, offset);
      }
    }
    for (Program& program : programs_) program.submit(random_);
  }

  void detach() {
    const DetachSettings settings{.drain = std::chrono::milliseconds(random_() % 20), .timeout = 300ms};
    controller_->detach(settings, [&calls = expect_call()](const DetachReport& /*report*/) { calls++; });
  }

  /** Something that must be called exactly once. */
  std::atomic<int>& expect_call() { return calls_.emplace_back(0); }

  /** Brings the controller to its end, in one of the ways in which programs do. */
  void end() {
    if (chance(2)) fake::target().rejects = fake::target().silent = false;
    if (chance(4)) {
      controller_->cancel_attach();
      if (chance(2)) controller_->force_disconnect();
    }
    std::thread other([this, calls = &expect_call(), wait = random_() % 3] {
      std::this_thread::sleep_for(std::chrono::milliseconds(wait));
      controller_->detach({}, [calls](const DetachReport& /*report*/) { (*calls)++; });
    });
    if (chance(2)) detach();
    if (chance(2)) send_admin();
    wait_for(chance(2) ? std::chrono::milliseconds(random_() % 30) : kLimit / 2);
    other.join();
    if (chance(3)) send_admin();
    // As the environment ends.
    detach();
    controller_->abandon();
    for (const Companion& one : companions_) {
      one.controller->detach({.timeout = 300ms},
                             [&calls = expect_call()](const DetachReport& /*report*/) { calls++; });
      one.controller->abandon();
    }
    wait_for(kLimit);
    for (const Companion& one : companions_) EXPECT_TRUE(one.controller->wait_for_end(kLimit));
  }

  /** As long as the controller is not gone, or a command has not completed. */
  void wait_for(Clock::duration time) {
    const auto limit = Clock::now() + time;
    while (Clock::now() < limit && !(controller_->finished() && idle())) {
      for (Program& program : programs_) program.poll();
      std::this_thread::sleep_for(100us);
    }
  }
  [[nodiscard]] bool idle() const {
    return std::ranges::all_of(programs_, [](const Program& program) { return program.idle(); });
  }

  std::mt19937_64 random_;
  const std::shared_ptr<ControllerServices> services_ = std::make_shared<ControllerServices>(2, 0);
  ControlThreads threads_;
  uint32_t region_ = 0;
  const spdk_nvme_transport_id id_ = fake::transport_id();
  Owner owner_;
  /** Attached beside it, on the same threads. */
  struct Companion {
    Owner owner;
    std::shared_ptr<Controller> controller;
  };
  std::list<Companion> companions_;
  std::list<std::atomic<int>> calls_;
  std::list<Program> programs_;
  std::shared_ptr<Controller> controller_;
};

TEST_P(Schedule, EndsWithEverythingSettledOnceAndNothingLeft) {
  begin();
  const size_t steps = 20 + random_() % 80;
  for (size_t i = 0; i < steps && !HasFatalFailure(); i++) {
    step();
    for (Program& program : programs_) program.poll();
    if (chance(4)) std::this_thread::sleep_for(std::chrono::microseconds(random_() % 1'500));
  }
  end();

  ASSERT_TRUE(controller_->finished()) << "the controller has not ended: " << controller_->stacks(1s);
  EXPECT_TRUE(idle()) << "a command has not completed";
  EXPECT_EQ(controller_->state(), ControllerState::detached);
  ASSERT_TRUE(owner_.attached());
  for (const Companion& one : companions_) EXPECT_EQ(one.controller->state(), ControllerState::detached);
  const AttachReport& report = controller_->attach_report();
  const std::array phases{report.wait_ms, report.address_ms, report.controller_ms, report.queue_pairs_ms,
                          report.describe_ms};
  for (const double phase : phases) EXPECT_GE(phase, 0);
  EXPECT_NEAR(std::accumulate(phases.begin(), phases.end(), 0.0), report.total_ms, 0.001);
  if (owner_.attached()->ok()) {
    EXPECT_GT(report.controller_ms, 0);
  }
  EXPECT_EQ(owner_.last_state(),
            owner_.attached()->ok() ? ControllerState::detached : ControllerState::attaching);
  send_admin();
  detach();
  for (const auto& calls : calls_) EXPECT_EQ(calls, 1) << "of a call that settles once";

  EXPECT_EQ(fake::target().connected, fake::target().destroyed) << "a controller of SPDK is left";
  EXPECT_EQ(fake::target().polled_beside_unlocked, 0U)
      << "a queue pair could be destroyed beside an unlocked poll";
  EXPECT_EQ(fake::target().completed_while_connected, 0U) << "memory was given back too early";
  EXPECT_EQ(fake::target().waits_outside_control, 0U) << "a thread that polls waited for the target";
  const spdk::DistinctId again(id_);
  EXPECT_STREQ(again.get().trsvcid, id_.trsvcid) << "the transport id is still taken";
  const uint64_t heard = owner_.heard();
  controller_.reset();
  for (Companion& one : companions_) one.controller.reset();
  EXPECT_TRUE(threads_.join_for(kLimit));
  for (const auto& poller : services_->pollers) {
    poller->stop();
    EXPECT_TRUE(poller->join_for(kLimit));
  }
  EXPECT_EQ(owner_.heard(), heard) << "an event after the end";
  EXPECT_TRUE(fake::queue_pairs().empty());
  EXPECT_EQ(OwnedThread::abandoned(), 0);
}

INSTANTIATE_TEST_SUITE_P(ControllerLife, Schedule, testing::Range(0U, kSchedules));

}  // namespace
}  // namespace spdk_nvme
