#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace spdk_nvme {

/** An event in the history of a controller. */
struct HistoryEvent {
  enum class Kind { state, failure, connection_lost, retry, reset, note, log };

  Kind kind = Kind::state;
  /** The name of a state, a message, or a line of SPDK's log. */
  std::string text;
  /** The code of a failure, as in Status: a string literal. */
  const char* code = "";
  /** The level of a log line, as in LogLine. */
  int level = 0;
  std::string source;
  /** Milliseconds since 1970 of the wall clock, and of CLOCK_MONOTONIC. */
  double wall_ms = 0;
  double monotonic_ms = 0;
};

const char* to_string(HistoryEvent::Kind kind);

/**
 * The latest events of one controller. Bounded, and log lines are bounded separately: a flood of them must
 * not remove the states and failures that explain it. Thread: any.
 */
class History {
 public:
  /** This many log lines and this many other events are kept. */
  static constexpr size_t kKept = 64;

  /**
   * @param id unique in the process
   * @param name the name of the controller for readers
   * @param owner the LogSubscription that gets the lines about it; 0 for all
   */
  History(uint64_t id, std::string name, uint64_t owner = 0)
      : id_(id), name_(std::move(name)), owner_(owner) {}
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  [[nodiscard]] uint64_t id() const { return id_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] uint64_t owner() const { return owner_; }

  void add(HistoryEvent::Kind kind, std::string text, const char* code = "");
  void add_log(int level, std::string source, std::string text);

  /** The events of both lists, oldest first. */
  [[nodiscard]] std::vector<HistoryEvent> events() const;

 private:
  void keep(std::deque<HistoryEvent>& list, HistoryEvent event);

  const uint64_t id_;
  const std::string name_;
  const uint64_t owner_;
  /** Guards both lists. */
  mutable std::mutex mutex_;
  std::deque<HistoryEvent> events_;
  std::deque<HistoryEvent> log_;
};

}  // namespace spdk_nvme
