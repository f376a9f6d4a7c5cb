#include "native/core/diagnostics/log.h"

#include <mutex>

#include "native/spdk/env.h"

namespace spdk_nvme {

namespace {

constexpr int kNotice = 2;
/** More lines are not needed to explain a failed call; a loop of errors must not use up memory. */
constexpr size_t kMostLines = 32;

thread_local LogCollector* t_collector = nullptr;
/** The controller whose log lines the current thread causes. */
thread_local History* t_history = nullptr;

/** Guards the listener and its level. */
std::mutex g_mutex;
Log::Listener g_listener;
int g_level = -1;

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
  const std::lock_guard<std::mutex> guard(g_mutex);
  if (g_listener && level <= g_level) g_listener(std::move(whole));
}

}  // namespace

void Log::capture() {
  static std::once_flag once;
  std::call_once(once, [] { spdk::log_to(on_line); });
}

void Log::listen(Listener listener, int level) {
  // Notices stay on for the collectors: some releases say why a connect failed in a notice.
  spdk::set_log_level(level > kNotice ? level : kNotice);
  const std::lock_guard<std::mutex> guard(g_mutex);
  g_listener = std::move(listener);
  g_level = level;
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
