#pragma once

#include <memory>

namespace spdk_nvme {

class Environment;

/**
 * process.exit() ends a Node process without running the cleanup hooks of its main
 * thread. So that the target is told even then, and so that no thread of ours runs
 * while static objects are destroyed, the environment is closed by an exit handler,
 * within a second and a half. What has not ended by then is cut off with the process.
 */
void close_at_exit(const std::shared_ptr<Environment>& environment);

/** While it lives an exit does not wait at all: SPDK is being started, which nothing can interrupt. Any
 * thread. */
class OpeningScope {
 public:
  OpeningScope();
  ~OpeningScope();
  OpeningScope(const OpeningScope&) = delete;
  OpeningScope& operator=(const OpeningScope&) = delete;
};

}  // namespace spdk_nvme
