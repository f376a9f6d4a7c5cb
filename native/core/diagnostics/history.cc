#include "native/core/diagnostics/history.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace spdk_nvme {

namespace {

template <typename Clock>
double now_ms() {
  return std::chrono::duration<double, std::milli>(Clock::now().time_since_epoch()).count();
}

}  // namespace

const char* to_string(HistoryEvent::Kind kind) {
  switch (kind) {
    case HistoryEvent::Kind::state:
      return "state";
    case HistoryEvent::Kind::failure:
      return "failure";
    case HistoryEvent::Kind::connection_lost:
      return "connection-lost";
    case HistoryEvent::Kind::retry:
      return "retry";
    case HistoryEvent::Kind::reset:
      return "reset";
    case HistoryEvent::Kind::note:
      return "note";
    case HistoryEvent::Kind::log:
      return "log";
  }
  return "unknown";
}

void History::add(HistoryEvent::Kind kind, std::string text, const char* code) {
  HistoryEvent event;
  event.kind = kind;
  event.text = std::move(text);
  event.code = code;
  keep(events_, std::move(event));
}

void History::add_log(int level, std::string source, std::string text) {
  HistoryEvent event;
  event.kind = HistoryEvent::Kind::log;
  event.text = std::move(text);
  event.level = level;
  event.source = std::move(source);
  keep(log_, std::move(event));
}

/** Adds an event. Its time is taken under the lock, so that each list is in the order of time. */
void History::keep(std::deque<HistoryEvent>& list, HistoryEvent event) {
  const std::lock_guard<std::mutex> guard(mutex_);
  event.wall_ms = now_ms<std::chrono::system_clock>();
  event.monotonic_ms = now_ms<std::chrono::steady_clock>();
  if (list.size() == kKept) list.pop_front();
  list.push_back(std::move(event));
}

std::vector<HistoryEvent> History::events() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  std::vector<HistoryEvent> all;
  all.reserve(events_.size() + log_.size());
  std::merge(events_.begin(), events_.end(), log_.begin(), log_.end(), std::back_inserter(all),
             [](const HistoryEvent& one, const HistoryEvent& other) {
               return one.monotonic_ms < other.monotonic_ms;
             });
  return all;
}

}  // namespace spdk_nvme
