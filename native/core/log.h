#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace spdk_nvme {

/** One line that SPDK or DPDK logged. */
struct LogLine {
  int level = 0;  // 0 error, 1 warning, 2 notice, 3 information, 4 debugging
  std::string source;
  std::string text;
};

/**
 * Where SPDK's log lines go. Lines are handed to one listener at a time (the Node environment that opened
 * SPDK), and the thread that causes them may also collect its own, so that an error can say why a call
 * failed.
 */
class Log {
 public:
  using Listener = std::function<void(LogLine)>;

  /** Takes over SPDK's and DPDK's output for the rest of the process. Idempotent; any thread. */
  static void capture();
  /** Replaces the listener, which is called on whatever thread logs and must not block; null for none. */
  static void listen(Listener listener, int level);
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
