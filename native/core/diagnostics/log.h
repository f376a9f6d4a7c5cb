#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "native/core/diagnostics/history.h"

namespace spdk_nvme {

/** One line that SPDK or DPDK logged. */
struct LogLine {
  int level = 0;  // 0 error, 1 warning, 2 notice, 3 information, 4 debugging
  std::string source;
  std::string text;
  /** The controller that the line is about, if known: id and name of its History; otherwise 0 and empty. */
  uint64_t controller_id = 0;
  std::string controller_name;
};

/**
 * Distributes SPDK's log lines. A line about a controller goes to the listener of its environment, any other line to
 * all. A thread can also collect its own lines, so that an error can say why a call failed.
 */
class Log {
 public:
  using Listener = std::function<void(LogLine)>;

  /** Takes over the output of SPDK and DPDK for the rest of the process. Idempotent. Thread: any. */
  static void capture();
};

/**
 * While it lives, a listener gets lines up to a level. It is called on the logging thread, and must neither block nor
 * log. Thread: any.
 */
class LogSubscription {
 public:
  LogSubscription(Log::Listener listener, int level);
  ~LogSubscription();
  LogSubscription(const LogSubscription&) = delete;
  LogSubscription& operator=(const LogSubscription&) = delete;

  /** Names it in the History of its controllers; not 0. */
  [[nodiscard]] uint64_t id() const { return id_; }

 private:
  const uint64_t id_;
};

/**
 * While it lives, the current thread works inside SPDK for one controller: its log lines are about that
 * controller and also go to its history. Null changes nothing.
 */
class LogScope {
 public:
  explicit LogScope(History* history);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  History* const outer_;
};

/** Collects the errors and warnings that the current thread logs while it lives. */
class LogCollector {
 public:
  LogCollector();
  ~LogCollector();
  LogCollector(const LogCollector&) = delete;
  LogCollector& operator=(const LogCollector&) = delete;
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  void add(int level, const char* text);

 private:
  LogCollector* outer_;
  std::vector<std::string> lines_;
};

}  // namespace spdk_nvme
