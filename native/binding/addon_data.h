#pragma once

#include <napi.h>

#include <memory>
#include <mutex>

#include "native/binding/closing_task.h"
#include "native/binding/js_channel.h"
#include "native/core/base/owned_thread.h"
#include "native/core/process/environment.h"

namespace spdk_nvme {

/**
 * SPDK while one Node environment has it open, else empty. Starting SPDK may outlast a worker that asked for
 * it: then nobody is left to take it.
 */
class EnvironmentSlot {
 public:
  /** False when the Node environment is gone. Any thread. */
  [[nodiscard]] bool put(const std::shared_ptr<Environment>& environment);
  [[nodiscard]] std::shared_ptr<Environment> get() const;
  void clear();
  /** The Node environment is going; gives what it leaves behind. */
  std::shared_ptr<Environment> abandon();

 private:
  /** Guards both members. */
  mutable std::mutex mutex_;
  std::shared_ptr<Environment> environment_;
  bool abandoned_ = false;
};

/** What this addon keeps for one Node environment: the main thread, or a worker. JavaScript thread only. */
struct AddonData {
  explicit AddonData(Napi::Env env);

  static AddonData& of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

  /**
   * When the Node environment ends it takes ArrayBuffers away by hooks of theirs, newest first. What a
   * controller may still write to has to outlast the detach, so each new one calls this.
   */
  void tear_down_before_what_is_there();

  std::shared_ptr<JsChannel> channel;
  Napi::FunctionReference environment_constructor;
  Napi::FunctionReference controller_constructor;
  Napi::FunctionReference queue_pair_constructor;
  const std::shared_ptr<EnvironmentSlot> slot = std::make_shared<EnvironmentSlot>();
  /** Opens SPDK, off the JavaScript thread, and closes it when `closing` is given; the last one. */
  std::unique_ptr<OwnedThread> errand;
  std::shared_ptr<ClosingTask> closing;
  /** SPDK is being opened: from the call until its outcome is told. */
  bool opening = false;

 private:
  const napi_env env_;
};

}  // namespace spdk_nvme
