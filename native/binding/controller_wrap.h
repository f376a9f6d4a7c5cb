#pragma once

#include <napi.h>

#include <memory>

#include "native/binding/js_channel.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {

/** `NativeController` of lib/native/contract.ts. */
class ControllerWrap : public Napi::ObjectWrap<ControllerWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ControllerWrap(const Napi::CallbackInfo& info);

  /** The environment gives the new object its controller; JavaScript cannot construct a useful one. */
  void own(std::shared_ptr<Controller> controller) { controller_ = std::move(controller); }

 private:
  Napi::Value state(const Napi::CallbackInfo& info);
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value namespaces(const Napi::CallbackInfo& info);
  Napi::Value hidden_namespaces(const Napi::CallbackInfo& info);
  Napi::Value queue_pairs(const Napi::CallbackInfo& info);
  Napi::Value id(const Napi::CallbackInfo& info);
  Napi::Value attach_report(const Napi::CallbackInfo& info);
  Napi::Value history(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);
  Napi::Value stacks(const Napi::CallbackInfo& info);
  Napi::Value admin(const Napi::CallbackInfo& info);
  Napi::Value abort(const Napi::CallbackInfo& info);
  Napi::Value detach(const Napi::CallbackInfo& info);
  Napi::Value reset(const Napi::CallbackInfo& info);
  Napi::Value fail_submitted(const Napi::CallbackInfo& info);
  Napi::Value change_keys(const Napi::CallbackInfo& info);
  Napi::Value watch_log(const Napi::CallbackInfo& info);
  Napi::Value cancel_attach(const Napi::CallbackInfo& info);
  Napi::Value force_disconnect(const Napi::CallbackInfo& info);
  Napi::Value wedge(const Napi::CallbackInfo& info);
  Controller& controller(Napi::Env env) const;

  std::shared_ptr<Controller> controller_;
  /** Collects the stacks of hanging threads; the latest one. */
  std::unique_ptr<OwnedThread> asker_;
};

}  // namespace spdk_nvme
