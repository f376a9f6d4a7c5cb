#include "native/binding/controller_wrap.h"

#include <atomic>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include "native/binding/addon_data.h"
#include "native/binding/arguments.h"
#include "native/binding/convert.h"
#include "native/binding/keys.h"
#include "native/binding/queue_pair_wrap.h"

namespace spdk_nvme {

namespace {

/** More than any log page or firmware slice of one command. */
constexpr size_t kMostAdminBytes = 1U << 20;
/** A thread that runs or sleeps responds immediately, even on a busy machine; one that the kernel holds never does. */
constexpr std::chrono::milliseconds kStackPatience{250};

}  // namespace

Napi::Function ControllerWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeController",
                     {InstanceMethod<&ControllerWrap::state>("state"),
                      InstanceMethod<&ControllerWrap::info>("info"),
                      InstanceMethod<&ControllerWrap::namespaces>("namespaces"),
                      InstanceMethod<&ControllerWrap::hidden_namespaces>("hiddenNamespaces"),
                      InstanceMethod<&ControllerWrap::queue_pairs>("queuePairs"),
                      InstanceMethod<&ControllerWrap::id>("id"),
                      InstanceMethod<&ControllerWrap::attach_report>("attachReport"),
                      InstanceMethod<&ControllerWrap::history>("history"),
                      InstanceMethod<&ControllerWrap::stats>("stats"),
                      InstanceMethod<&ControllerWrap::stacks>("stacks"),
                      InstanceMethod<&ControllerWrap::admin>("admin"),
                      InstanceMethod<&ControllerWrap::detach>("detach"),
                      InstanceMethod<&ControllerWrap::reset>("reset"),
                      InstanceMethod<&ControllerWrap::fail_submitted>("failSubmitted"),
                      InstanceMethod<&ControllerWrap::abort>("abort"),
                      InstanceMethod<&ControllerWrap::change_keys>("changeKeys"),
                      InstanceMethod<&ControllerWrap::watch_log>("watchLog"),
                      InstanceMethod<&ControllerWrap::cancel_attach>("cancelAttach"),
                      InstanceMethod<&ControllerWrap::force_disconnect>("forceDisconnect"),
                      InstanceMethod<&ControllerWrap::wedge>("wedge")});
}

ControllerWrap::ControllerWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

Controller& ControllerWrap::controller(Napi::Env env) const {
  if (!controller_) reject_argument(env, "this object is not a controller");
  return *controller_;
}

Napi::Value ControllerWrap::state(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), to_string(controller(info.Env()).state()));
}

Napi::Value ControllerWrap::info(const Napi::CallbackInfo& info) {
  return to_js(info.Env(), controller(info.Env()).description().info());
}

Napi::Value ControllerWrap::namespaces(const Napi::CallbackInfo& info) {
  return to_js(info.Env(), controller(info.Env()).description().namespaces());
}

Napi::Value ControllerWrap::hidden_namespaces(const Napi::CallbackInfo& info) {
  const auto ids = controller(info.Env()).description().hidden_namespaces();
  Napi::Array list = Napi::Array::New(info.Env(), ids.size());
  for (uint32_t i = 0; i < ids.size(); i++) list.Set(i, ids[i]);
  return list;
}

Napi::Value ControllerWrap::queue_pairs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  // While the controller attaches, the control thread is creating them.
  if (controller(env).state() == ControllerState::attaching) return Napi::Array::New(env, 0);
  const auto& queue_pairs = controller(env).queue_pairs();
  Napi::Array list = Napi::Array::New(env, queue_pairs.size());
  for (uint32_t i = 0; i < queue_pairs.size(); i++) {
    const Napi::Object wrap = AddonData::of(env).queue_pair_constructor.New({});
    QueuePairWrap::Unwrap(wrap)->own(queue_pairs[i]);
    list.Set(i, wrap);
  }
  return list;
}

/** The name of the controller in log lines. */
Napi::Value ControllerWrap::id(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(controller(info.Env()).history().id()));
}

Napi::Value ControllerWrap::attach_report(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  // While the controller attaches, the control thread is writing the report.
  const bool early = controller(env).state() == ControllerState::attaching;
  return to_js(env, early ? AttachReport{} : controller(env).attach_report());
}

Napi::Value ControllerWrap::history(const Napi::CallbackInfo& info) {
  return to_js(info.Env(), controller(info.Env()).history().events());
}

Napi::Value ControllerWrap::stats(const Napi::CallbackInfo& info) {
  return to_js(info.Env(), stats_of(controller(info.Env())));
}

/** Collects the stacks on a thread of its own, because the JavaScript thread never waits. */
Napi::Value ControllerWrap::stacks(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Controller& asked = controller(env);
  const auto channel = AddonData::of(env).channel;
  const auto done = channel->keep(Arguments(info, 0).function("done"));
  try {
    asker_ = std::make_unique<OwnedThread>("spdk-stacks", [channel, done, kept = controller_, &asked] {
      channel->post([done, text = asked.stacks(kStackPatience)](Napi::Env js) {
        done->Call({Napi::String::New(js, text)});
      });
    });
  } catch (const std::system_error& error) {
    done->Call({Napi::String::New(env, "(" + no_threads(error).message + ")\n")});
  }
  return env.Undefined();
}

Napi::Value ControllerWrap::admin(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments request(info, 0);
  AdminCommand command;
  command.opcode = static_cast<uint8_t>(request.number("opcode", 0, UINT8_MAX));
  command.namespace_id = static_cast<uint32_t>(request.number("nsid", 0, UINT32_MAX));
  command.namespace_tag = static_cast<uint32_t>(request.number("tag", 0, UINT32_MAX));
  const char* const names[] = {"cdw10", "cdw11", "cdw12", "cdw13", "cdw14", "cdw15"};
  for (size_t i = 0; i < std::size(names); i++) {
    command.cdw[i] = static_cast<uint32_t>(request.number(names[i], 0, UINT32_MAX));
  }
  command.data = request.bytes("data", kMostAdminBytes);
  const auto channel = AddonData::of(env).channel;
  const auto done = channel->keep(request.function("done"));
  command.done = [channel, done](AdminResult result) {
    channel->post([done, result = std::move(result)](Napi::Env js) {
      const auto data = Napi::Buffer<uint8_t>::Copy(js, result.data.data(), result.data.size());
      done->Call({to_js(js, result.status), Napi::Number::New(js, result.cdw0), data});
    });
  };
  const auto given_up = std::make_shared<std::atomic<bool>>(false);
  command.given_up = given_up;
  controller(env).admin(std::move(command));
  return Napi::Function::New(env, [given_up](const Napi::CallbackInfo& /*info*/) { *given_up = true; });
}

Napi::Value ControllerWrap::abort(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments request(info, 0);
  const auto queue_pair = static_cast<size_t>(request.number("queuePair", 0, UINT16_MAX));
  const auto slot = static_cast<uint32_t>(request.number("slot", 0, UINT32_MAX));
  const auto channel = AddonData::of(env).channel;
  const auto done = channel->keep(request.function("done"));
  controller(env).abort(queue_pair, slot, [channel, done](AbortOutcome outcome) {
    channel->post([done, outcome](Napi::Env js) {
      const char* const names[] = {"aborted", "notAborted", "notFound"};
      done->Call({Napi::String::New(js, names[static_cast<size_t>(outcome)])});
    });
  });
  return env.Undefined();
}

Napi::Value ControllerWrap::detach(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments options(info, 0);
  constexpr uint64_t kLongest = UINT32_MAX;
  const DetachSettings settings{
      .drain = std::chrono::milliseconds(options.number("drainMs", 0, kLongest)),
      .timeout = std::chrono::milliseconds(options.number("timeoutMs", 0, kLongest)),
      .report_states = options.flag("reportStates")};
  const auto channel = AddonData::of(env).channel;
  const auto done = channel->keep(options.function("done"));
  controller(env).detach(settings, [channel, done](const DetachReport& report) {
    channel->post([done, report](Napi::Env js) { done->Call({to_js(js, report)}); });
  });
  return env.Undefined();
}

Napi::Value ControllerWrap::reset(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), controller(info.Env()).reset());
}

Napi::Value ControllerWrap::change_keys(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Arguments request(info, 0);
  Controller& changed = controller(env);
  spdk::Keys keys = read_keys(env, request.object("keys"), SPDK_NVME_TRANSPORT_TCP);
  if (!keys.dhchap) reject_argument(env, "dhchapKey must not be empty");
  const std::chrono::milliseconds limit(request.number("timeoutMs", 1, UINT32_MAX));
  const auto channel = AddonData::of(env).channel;
  const auto done = channel->keep(request.function("done"));
  changed.change_keys(std::move(keys), limit, [channel, done](const Status& status) {
    channel->post([done, status](Napi::Env js) { done->Call({to_js(js, status)}); });
  });
  return env.Undefined();
}

Napi::Value ControllerWrap::watch_log(const Napi::CallbackInfo& info) {
  controller(info.Env()).watch_log();
  return info.Env().Undefined();
}

Napi::Value ControllerWrap::cancel_attach(const Napi::CallbackInfo& info) {
  controller(info.Env()).cancel_attach();
  return info.Env().Undefined();
}

Napi::Value ControllerWrap::force_disconnect(const Napi::CallbackInfo& info) {
  controller(info.Env()).force_disconnect();
  return info.Env().Undefined();
}

Napi::Value ControllerWrap::fail_submitted(const Napi::CallbackInfo& info) {
  controller(info.Env()).fail_submitted();
  return info.Env().Undefined();
}

Napi::Value ControllerWrap::wedge(const Napi::CallbackInfo& info) {
  controller(info.Env()).wedge();
  return info.Env().Undefined();
}

}  // namespace spdk_nvme
