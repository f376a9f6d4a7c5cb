#include "native/core/io/poller.h"

#include <algorithm>
#include <thread>

namespace spdk_nvme {

namespace {

using Clock = std::chrono::steady_clock;

/** How long a poller spins after the last completion before it begins to sleep. */
constexpr std::chrono::microseconds kSpinAfterWork{100};
/** The same while commands are outstanding: a sleep would add to their latency. */
constexpr std::chrono::microseconds kSpinWhileBusy{5'000};
/** The first sleep; each further one without work is twice as long, up to the limit of the options. */
constexpr std::chrono::microseconds kFirstSleep{20};
/** The sleep of a poller that serves no set: a message ends it. */
constexpr std::chrono::milliseconds kSleepWithoutSets{100};
/** How long the destructor waits for a poller that was not joined. */
constexpr std::chrono::milliseconds kStopLimit{200};

}  // namespace

/** The state of the thread; it outlives the Poller if the thread cannot be joined. */
struct Poller::Loop {
  explicit Loop(PollerOptions poller_options) : options(poller_options) {}

  const PollerOptions options;
  Mailbox mailbox;
  std::atomic<bool> stopping{false};
  /** The sets that it serves. Thread: poller. */
  std::vector<std::shared_ptr<QueueSet>> sets;
  Counter polls;
  Counter idle_polls;
  Counter completions;
  Counter sleeps;
  Counter served;

  void sleep_for(std::chrono::microseconds time) {
    sleeps++;
    mailbox.sleep(time);
  }

  void run() {
    auto last_work = Clock::now();
    auto sleep = kFirstSleep;
    while (!stopping.load(std::memory_order_acquire)) {
      QueueSet::Turn turn{.worked = mailbox.run()};
      for (const auto& set : sets) {
        const auto part = set->poll();
        turn.worked |= part.worked;
        turn.hot |= part.hot;
        polls++;
        if (!part.worked) idle_polls++;
        completions.add(part.completions);
      }
      std::erase_if(sets, [](const auto& set) { return set->released(); });
      served.set(sets.size());
      if (options.always_spin) continue;
      if (sets.empty()) {
        sleep_for(kSleepWithoutSets);
      } else if (turn.worked) {
        last_work = Clock::now();
        sleep = kFirstSleep;
      } else if (Clock::now() - last_work >= (turn.hot ? kSpinWhileBusy : kSpinAfterWork)) {
        sleep_for(turn.hot ? kFirstSleep : sleep);
        sleep = std::min(sleep * 2, options.idle_sleep);
      } else {
        std::this_thread::yield();
      }
    }
  }
};

Poller::Poller(size_t index, PollerOptions options)
    : index_(index),
      loop_(std::make_shared<Loop>(options)),
      thread_("spdk-poll-" + std::to_string(index), [loop = loop_] { loop->run(); }) {}

Poller::~Poller() {
  stop();
  join_for(kStopLimit);
}

void Poller::add(std::shared_ptr<QueueSet> set) {
  loop_->mailbox.post([loop = loop_.get(), set = std::move(set)] { loop->sets.push_back(set); });
}

PollerStats Poller::stats() const {
  return {.polls = loop_->polls.value(),
          .idle_polls = loop_->idle_polls.value(),
          .completions = loop_->completions.value(),
          .sleeps = loop_->sleeps.value(),
          .controllers = loop_->served.value()};
}

void Poller::wake() {
  loop_->mailbox.nudge();
}

void Poller::stop() {
  loop_->stopping.store(true, std::memory_order_release);
  wake();
}

}  // namespace spdk_nvme
