#pragma once

#include <memory>

namespace spdk_nvme {

class Environment;

/**
 * process.exit() ends a Node process without running the cleanup hooks of its main thread. So that the target
 * is told even then, and so that no thread runs while static objects are destroyed, the environment is closed
 * by an atexit handler, within a second and a half.
 */
void close_at_exit(const std::shared_ptr<Environment>& environment);

}  // namespace spdk_nvme
