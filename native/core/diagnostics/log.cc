#include "native/core/diagnostics/log.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "native/spdk/env.h"

namespace spdk_nvme {

namespace {

constexpr int kNotice = 2;
/** More lines are not needed to explain a failed call; a loop of errors must not use up memory. */
constexpr size_t kMostLines = 32;

thread_local LogCollector* t_collector = nullptr;
/** The controller whose log lines the current thread causes. */
thread_local History* t_history = nullptr;

struct Listening {
  uint64_t id;
  Log::Listener listener;
  int level;
};

/** Guards what follows. */
std::mutex g_mutex;
std::vector<Listening> g_listening;
uint64_t g_last_id = 0;

/** Notices stay on for the collectors: some releases say why a connect failed in a notice. Holds: g_mutex. */
void set_level() {
  int level = kNotice;
  for (const Listening& one : g_listening) level = std::max(level, one.level);
  spdk::set_log_level(level);
}

void on_line(int level, const char* file, int line, const char* function, const char* text) {
  if (t_collector != nullptr) t_collector->add(level, text);
  std::string source(file != nullptr ? file : "");
  if (line > 0) source += ":" + std::to_string(line);
  if (function != nullptr && *function != '\0') source += std::string(":") + function;
  LogLine whole{.level = level, .source = std::move(source), .text = text, .controller_name = {}};
  if (t_history != nullptr) {
    whole.controller_id = t_history->id();
    whole.controller_name = t_history->name();
    if (level <= kNotice) t_history->add_log(level, whole.source, whole.text);
  }
  const uint64_t owner = t_history != nullptr ? t_history->owner() : 0;
  const std::lock_guard<std::mutex> guard(g_mutex);
  for (const Listening& one : g_listening) {
    if (level <= one.level && (owner == 0 || owner == one.id)) one.listener(whole);
  }
}

uint64_t add_listener(Log::Listener listener, int level) {
  const std::lock_guard<std::mutex> guard(g_mutex);
  g_listening.push_back({.id = ++g_last_id, .listener = std::move(listener), .level = level});
  set_level();
  return g_last_id;
}

}  // namespace

void Log::capture() {
  static std::once_flag once;
  std::call_once(once, [] { spdk::log_to(on_line); });
}

LogSubscription::LogSubscription(Log::Listener listener, int level)
    : id_(add_listener(std::move(listener), level)) {}

LogSubscription::~LogSubscription() {
  const std::lock_guard<std::mutex> guard(g_mutex);
  std::erase_if(g_listening, [this](const Listening& one) { return one.id == id_; });
  set_level();
}

LogScope::LogScope(History* history) : outer_(t_history) {
  if (history != nullptr) t_history = history;
}

LogScope::~LogScope() {
  t_history = outer_;
}

LogCollector::LogCollector() : outer_(t_collector) {
  t_collector = this;
}

LogCollector::~LogCollector() {
  t_collector = outer_;
}

void LogCollector::add(int level, const char* text) {
  if (level <= kNotice && lines_.size() < kMostLines) lines_.emplace_back(text);
}

}  // namespace spdk_nvme
