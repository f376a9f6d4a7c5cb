#pragma once

#include <memory>

namespace spdk_nvme {

class Environment;

/**
 * process.exit() ends a Node.js process without the cleanup hooks of its main thread. An exit handler
 * therefore closes all environments within a second and a half, so that targets are notified and no thread
 * of the addon runs while static objects are destroyed. What has not ended by then ends with the process.
 */
void close_at_exit(const std::shared_ptr<Environment>& environment);

/** While it lives, an exit of the process does not wait: SPDK is being started, which cannot be interrupted. Thread: any. */
class OpeningScope {
 public:
  OpeningScope();
  ~OpeningScope();
  OpeningScope(const OpeningScope&) = delete;
  OpeningScope& operator=(const OpeningScope&) = delete;
};

}  // namespace spdk_nvme
