#include "controller_wrap.h"

#include "addon_data.h"
#include "arguments.h"
#include "convert.h"

namespace spdk_nvme {

Napi::Function ControllerWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeController",
                     {InstanceMethod<&ControllerWrap::state>("state"), InstanceMethod<&ControllerWrap::info>("info"),
                      InstanceMethod<&ControllerWrap::namespaces>("namespaces"),
                      InstanceMethod<&ControllerWrap::queue_pairs>("queuePairs"),
                      InstanceMethod<&ControllerWrap::detach>("detach"),
                      InstanceMethod<&ControllerWrap::give_up>("giveUp"),
                      InstanceMethod<&ControllerWrap::wedge>("wedge")});
}

ControllerWrap::ControllerWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

Controller& ControllerWrap::controller(Napi::Env env) const {
  if (!controller_) reject_argument(env, "this object is no controller");
  return *controller_;
}

Napi::Value ControllerWrap::state(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), to_string(controller(info.Env()).state()));
}

Napi::Value ControllerWrap::info(const Napi::CallbackInfo& info) {
  return to_js(info.Env(), controller(info.Env()).info());
}

Napi::Value ControllerWrap::namespaces(const Napi::CallbackInfo& info) {
  return to_js(info.Env(), controller(info.Env()).namespaces());
}

Napi::Value ControllerWrap::queue_pairs(const Napi::CallbackInfo& info) {
  const auto& pollers = controller(info.Env()).queue_pair_pollers();
  Napi::Array list = Napi::Array::New(info.Env(), pollers.size());
  for (uint32_t i = 0; i < pollers.size(); i++) list.Set(i, static_cast<double>(pollers[i]));
  return list;
}

Napi::Value ControllerWrap::detach(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments options(info, 0);
  constexpr uint64_t kLongest = UINT32_MAX;
  const DetachSettings settings{.drain = std::chrono::milliseconds(options.number("drainMs", 0, kLongest)),
                                .timeout = std::chrono::milliseconds(options.number("timeoutMs", 0, kLongest))};
  const auto channel = AddonData::of(env).channel;
  const auto done = channel->keep(options.function("done"));
  controller(env).detach(settings, [channel, done](const DetachReport& report) {
    channel->post([done, report](Napi::Env js) { done->Call({to_js(js, report)}); });
  });
  return env.Undefined();
}

Napi::Value ControllerWrap::give_up(const Napi::CallbackInfo& info) {
  controller(info.Env()).give_up_attach();
  return info.Env().Undefined();
}

Napi::Value ControllerWrap::wedge(const Napi::CallbackInfo& info) {
  controller(info.Env()).wedge();
  return info.Env().Undefined();
}

}  // namespace spdk_nvme
