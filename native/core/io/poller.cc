#include "native/core/io/poller.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "native/core/base/extendable_sleep.h"

namespace spdk_nvme {

namespace {

using Clock = QueueSet::Clock;

/** How long a poller spins after the last completion before it begins to sleep. */
constexpr std::chrono::microseconds kSpinAfterWork{100};
/** How long it spins while commands are outstanding: a sleep would add to their latency. */
constexpr std::chrono::microseconds kSpinWhileBusy{5'000};
/** The first sleep; each further one without work is twice as long, up to the limit of the options. */
constexpr std::chrono::microseconds kFirstSleep{20};
/** JavaScript polls its sets while it looks at one of them within this time; then a poller takes them over. */
constexpr std::chrono::microseconds kAttention{300};
/** The same while JavaScript waits for the processor, which it may get late. */
constexpr std::chrono::milliseconds kPatience{20};
/**
 * After this time without a poll by JavaScript, a poller takes over a set even if JavaScript polls other sets. Longer than a
 * turn in which JavaScript polls hundreds of sets and handles their completions.
 */
constexpr std::chrono::milliseconds kLongestRound{50};
/** How long after a poll by JavaScript a watching poller sleeps, and how often such a poll may prolong the sleep. */
constexpr std::chrono::microseconds kWatchSleep{850};
constexpr std::chrono::microseconds kBetweenProlongings{550};
/**
 * The longest time without a look: JavaScript may poll some of its sets and no longer poll others. With one set there is no
 * other, and a look costs as much as tens of commands.
 */
constexpr std::chrono::milliseconds kLongestWatch{5};
constexpr std::chrono::milliseconds kLongestWatchOfOne{50};
/**
 * Between polls of a set with commands outstanding while JavaScript has no time for it: it could not use what
 * completes any sooner, and may compute on the processor that a spin would take.
 */
constexpr std::chrono::microseconds kWarmSleep{50};
/** After a turn in which other threads had some of the sets, which may have commands. */
constexpr std::chrono::milliseconds kSleepAfterMiss{1};
/** How much longer a poller sleeps when it would be woken for all that it has to notice, and how seldom it polls such a set. */
constexpr int kLongerAtRest = 100;
/** The sleep of a poller that serves no set: a message ends it. */
constexpr std::chrono::seconds kSleepWithoutSets{10};
/** How long the destructor waits for a poller that was not joined. */
constexpr std::chrono::milliseconds kStopLimit{200};

}  // namespace

/** The state of the thread; it outlives the Poller if the thread cannot be joined. */
struct Poller::Loop {
  explicit Loop(PollerOptions poller_options) : options(poller_options) {}

  /** A set that the poller serves. */
  struct Served {
    std::shared_ptr<QueueSet> set;
    /** Whether JavaScript may poll it too. */
    bool visited = false;
    /** Whether JavaScript polls it now, in turn with others. */
    bool attended = false;
    /** When this poller last polled it; nothing if it has yet to do so, as when another thread had it. */
    std::optional<Clock::time_point> polled = std::nullopt;

    /** Whether the poller is woken for all that it could find. */
    [[nodiscard]] bool wakes() const { return set->end_is_reported && set->at_rest(); }
    [[nodiscard]] bool in_turn(Clock::time_point now) const {
      return now - set->looked_at() < kLongestRound && set->open_to_visits() && !set->wake_requested();
    }
  };

  /** What a turn found, over all sets. */
  struct Turn {
    bool worked = false;
    /** Whether commands completed on a set that the poller serves alone. */
    bool worked_alone = false;
    /** Completions are expected soon, on sets that it serves alone... */
    bool hot = false;
    /** ... or on sets that JavaScript would poll if it had the time. */
    bool warm = false;
    /** Some set could not be polled, and is to be in the next turn. */
    bool missed = false;
  };

  const PollerOptions options;
  ExtendableSleep watch;
  Mailbox mailbox{[this] { watch.end(); }};
  std::atomic<bool> stopping{false};
  /** Whether some set is attended: then it looks at all of them within kLongestWatch, and needs no nudge. */
  std::atomic<bool> watching{false};
  /** Whether to poll each set, at rest or not. */
  std::atomic<bool> looking{false};
  /** When JavaScript looked at any of the sets. On a cache line of its own: JavaScript writes it for every set in every turn. */
  alignas(64) std::atomic<Clock::time_point> looked_at{Clock::time_point{}};
  /** Whether JavaScript waits for the processor since then, to look again. */
  std::atomic<bool> gave_way{false};
  /** Thread: poller. */
  alignas(64) std::vector<Served> sets;
  Counter polls;
  Counter idle_polls;
  Counter completions;
  Counter sleeps;
  Counter served;

  void sleep_for(std::chrono::microseconds time) {
    sleeps++;
    mailbox.sleep(time);
  }

  /** Sleeps while JavaScript polls its sets. */
  void sleep_watching(Clock::time_point now) {
    if (!watch.available()) return sleep_for(kAttention);
    sleeps++;
    const auto longest = sets.size() == 1 ? kLongestWatchOfOne : kLongestWatch;
    const auto looked = waits(now) ? now : looked_at.load(std::memory_order_relaxed);
    watch.sleep(looked + kWatchSleep, now + longest, [this] { return mailbox.nudged(); });
    mailbox.forget_nudges();
  }

  /** Whether JavaScript would look if it had the processor. */
  [[nodiscard]] bool waits(Clock::time_point now) const {
    return gave_way.load(std::memory_order_relaxed) &&
           now - looked_at.load(std::memory_order_relaxed) < kPatience;
  }

  /** Finds out which sets JavaScript polls. */
  void look(Clock::time_point now) {
    const bool at_some = now - looked_at.load(std::memory_order_relaxed) < kAttention || waits(now);
    bool any = false;
    for (Served& one : sets) {
      if (!one.visited) continue;
      one.attended = at_some && one.in_turn(now);
      any |= one.attended;
    }
    // Sequentially consistent with watch(): once this is false, either the polls that follow see what JavaScript
    // has published, or JavaScript sees that it has to nudge.
    if (watching.load(std::memory_order_relaxed) != any) watching.store(any, std::memory_order_seq_cst);
  }

  /** Polls the sets that JavaScript does not poll, and all when they are to be looked at: JavaScript may be about to stop. */
  Turn poll(Clock::time_point now) {
    Turn turn;
    const bool all =
        looking.load(std::memory_order_relaxed) && looking.exchange(false, std::memory_order_acquire);
    for (Served& one : sets) {
      if (one.attended && !all) continue;
      if (!all && one.polled && now - *one.polled < options.idle_sleep * kLongerAtRest && one.wakes())
        continue;
      const auto part = one.set->poll();
      one.polled = part.missed ? std::nullopt : std::optional(now);
      turn.worked |= part.worked;
      turn.worked_alone |= part.worked && !one.visited;
      (one.visited ? turn.warm : turn.hot) |= part.hot;
      turn.missed |= part.missed;
      polls++;
      if (!part.worked) idle_polls++;
      completions.add(part.completions);
    }
    return turn;
  }

  void run() {
    auto last_work = Clock::now();
    auto sleep = kFirstSleep;
    while (!stopping.load(std::memory_order_acquire)) {
      const bool posted = mailbox.run();
      const auto now = Clock::now();
      look(now);
      const Turn turn = poll(now);
      std::erase_if(sets, [](const Served& one) { return one.set->freed(); });
      served.set(sets.size());
      if (options.always_spin) continue;
      if (sets.empty()) {
        sleep_for(kSleepWithoutSets);
      } else if (posted || turn.worked) {
        if (turn.worked_alone) last_work = now;
        sleep = kFirstSleep;
      } else if (now - last_work < (turn.hot ? kSpinWhileBusy : kSpinAfterWork)) {
        std::this_thread::yield();
      } else if (turn.hot) {
        sleep_for(kFirstSleep);
      } else if (turn.warm) {
        sleep_for(kWarmSleep);
      } else if (turn.missed) {
        sleep_for(kSleepAfterMiss);
      } else if (watching.load(std::memory_order_relaxed)) {
        sleep_watching(now);
      } else {
        const bool wakes =
            std::all_of(sets.begin(), sets.end(), [](const Served& one) { return one.wakes(); });
        sleep = std::min(sleep, options.idle_sleep * (wakes ? kLongerAtRest : 1));
        sleep_for(sleep);
        sleep *= 2;
      }
    }
    // A program that keeps the controllers of a closed environment keeps this object, too.
    watch.close();
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

void Poller::add(std::shared_ptr<QueueSet> set, bool visited) {
  loop_->mailbox.post([loop = loop_.get(), set = std::move(set), visited] {
    loop->sets.push_back({.set = set, .visited = visited});
  });
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

void Poller::look() {
  loop_->looking.store(true, std::memory_order_release);
  wake();
}

void Poller::watch(Clock::time_point now) {
  loop_->looked_at.store(now, std::memory_order_relaxed);
  if (!loop_->watching.load(std::memory_order_seq_cst)) wake();
}

void Poller::prolong_watch(Clock::time_point now) {
  loop_->looked_at.store(now, std::memory_order_relaxed);
  if (now < next_prolonging_) return;
  next_prolonging_ = now + kBetweenProlongings;
  loop_->watch.prolong(now + kWatchSleep, [this] { return loop_->mailbox.nudged(); });
}

void Poller::give_way() {
  loop_->gave_way.store(true, std::memory_order_relaxed);
  std::this_thread::yield();
  loop_->gave_way.store(false, std::memory_order_relaxed);
  prolong_watch(Clock::now());
}

void Poller::stop() {
  loop_->stopping.store(true, std::memory_order_release);
  wake();
}

}  // namespace spdk_nvme
