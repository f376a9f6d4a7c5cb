#pragma once

#include <napi.h>

#include <memory>

#include "native/binding/closing_task.h"
#include "native/core/process/environment.h"

namespace spdk_nvme {

/** `NativeEnvironment` of lib/native/contract.ts. */
class EnvironmentWrap : public Napi::ObjectWrap<EnvironmentWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  /** Opens SPDK outside the JavaScript thread; `opened(error, environment)` is called with the result. */
  static Napi::Value open(const Napi::CallbackInfo& info);

  explicit EnvironmentWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value attach(const Napi::CallbackInfo& info);
  Napi::Value allocate(const Napi::CallbackInfo& info);
  Napi::Value detach_memory(const Napi::CallbackInfo& info);
  Napi::Value free_unpinned(const Napi::CallbackInfo& info);
  Napi::Value pins(const Napi::CallbackInfo& info);
  Napi::Value poller_stats(const Napi::CallbackInfo& info);
  Napi::Value memory_use(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  std::shared_ptr<Environment> environment_;
  std::shared_ptr<ClosingTask> closing_;
};

}  // namespace spdk_nvme
