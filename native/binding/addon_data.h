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
 * SPDK while one Node.js environment has it open, otherwise empty. Starting SPDK may outlast the worker that
 * requested it: then no environment takes it.
 */
class EnvironmentHolder {
 public:
  /** Takes the environment. False if the Node.js environment has ended. Thread: any. */
  [[nodiscard]] bool put(const std::shared_ptr<Environment>& environment);
  [[nodiscard]] std::shared_ptr<Environment> get() const;
  void clear();
  /** The Node.js environment ends; returns the SPDK environment that it leaves. */
  std::shared_ptr<Environment> abandon();

 private:
  /** Guards both members. */
  mutable std::mutex mutex_;
  std::shared_ptr<Environment> environment_;
  bool abandoned_ = false;
};

/** The data of this addon for one Node.js environment: the main thread, or a worker. Thread: JavaScript. */
struct AddonData {
  explicit AddonData(Napi::Env env);

  static AddonData& of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

  std::shared_ptr<JsChannel> channel;
  Napi::FunctionReference environment_constructor;
  Napi::FunctionReference controller_constructor;
  Napi::FunctionReference queue_pair_constructor;
  const std::shared_ptr<EnvironmentHolder> holder = std::make_shared<EnvironmentHolder>();
  /** Opens SPDK outside the JavaScript thread, and closes it when `closing` is set; the latest one. */
  std::unique_ptr<OwnedThread> open_close;
  std::shared_ptr<ClosingTask> closing;
  /** Whether there is an environment: from the call that opens one until its failure or its end is reported. */
  bool open = false;
};

}  // namespace spdk_nvme
