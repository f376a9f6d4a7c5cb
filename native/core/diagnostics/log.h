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
  /** The controller that the line is about, where that is known: History's id and name; else 0 and empty. */
  uint64_t controller_id = 0;
  std::string controller_name;
};

/**
 * Where SPDK's log lines go. Lines are handed to one listener at a time
 * (the Node environment that opened SPDK), and the thread that causes them
 * may also collect its own, so that an error can say why a call failed.
 */
class Log {
 public:
  using Listener = std::function<void(LogLine)>;

  /** Takes over SPDK's and DPDK's output for the rest of the process. Idempotent; any thread. */
  static void capture();
  /** Replaces the listener, which is called on whatever thread logs and must not block; null for none. */
  static void listen(Listener listener, int level);
};

/**
 * While it lives, the present thread is inside SPDK for one controller: what it logs is about that
 * controller, and goes to its history too. Null changes nothing.
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

/** Collects the errors and warnings that the present thread logs, for as long as it lives. */
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
