// Longer than other files: all methods of one JavaScript class, most of which only convert what goes in and comes out.

#include "native/binding/environment_wrap.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>

#include "native/binding/addon_data.h"
#include "native/binding/arguments.h"
#include "native/binding/controller_wrap.h"
#include "native/binding/convert.h"
#include "native/binding/keys.h"
#include "native/binding/shared_memory.h"
#include "native/core/diagnostics/log.h"
#include "native/spdk/transport_id.h"

namespace spdk_nvme {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

EnvironmentSettings read_settings(const Napi::CallbackInfo& info) {
  const Arguments options(info, 0);
  EnvironmentSettings settings;
  settings.runtime.name = options.text("name", 64);
  settings.runtime.memory_mb = options.number("memoryMb", 1, 1ULL << 20);
  settings.runtime.memory_required = options.flag("memoryRequired");
  settings.pollers = options.number("pollers", 1, 1024);
  settings.poller.always_spin = options.flag("alwaysSpin");
  settings.poller.idle_sleep = microseconds(options.number("idleSleepUs", 1, 1'000'000));
  settings.connect_concurrency = static_cast<unsigned>(options.number("connectConcurrency", 1, 1024));
  return settings;
}

/** Sixteen bytes as 32 hexadecimal digits; an empty string leaves SPDK's own. */
void read_host_id(Napi::Env env, const std::string& text, uint8_t (&host_id)[16]) {
  if (text.empty()) return;
  constexpr size_t kDigits = 32;
  if (text.size() != kDigits || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    reject_argument(env, "hostId must be 32 hexadecimal digits");
  }
  for (size_t i = 0; i < sizeof(host_id); i++) {
    host_id[i] = static_cast<uint8_t>(std::stoul(text.substr(i * 2, 2), nullptr, 16));
  }
}

/** The largest number means no limit. */
milliseconds read_loss_timeout(const Arguments& options) {
  const uint64_t time = options.number("ctrlrLossTimeoutMs", 0, UINT32_MAX);
  return time == UINT32_MAX ? ReconnectPolicy::kForever : milliseconds(time);
}

PollingMode read_polling(const Napi::CallbackInfo& info, const Arguments& options) {
  const std::string name = options.text("polling", 16);
  if (name == "threads") return PollingMode::threads;
  if (name == "inline") return PollingMode::javascript;
  if (name == "adaptive") return PollingMode::adaptive;
  reject_argument(info.Env(), "polling must be threads, inline or adaptive");
}

Controller::Request read_request(const Napi::CallbackInfo& info) {
  const Arguments options(info, 0);
  Controller::Request request;
  if (!spdk::parse_transport_id(options.text("transportId", 1024), request.transport_id)) {
    reject_argument(info.Env(), "SPDK does not accept this transport id");
  }
  auto& connect = request.connect;
  connect.host_nqn = options.text("hostNqn", SPDK_NVMF_NQN_MAX_LEN);
  read_host_id(info.Env(), options.text("hostId", 32), connect.host_id);
  connect.source_address = options.text("sourceAddress", SPDK_NVMF_TRADDR_MAX_LEN);
  connect.source_service = options.text("sourcePort", SPDK_NVMF_TRSVCID_MAX_LEN);
  connect.io_queues = static_cast<uint32_t>(options.number("ioQueues", 1, UINT16_MAX - 1));
  connect.queue_depth = static_cast<uint32_t>(options.number("queueDepth", 2, UINT16_MAX));
  connect.keep_alive_ms = static_cast<uint32_t>(options.number("keepAliveMs", 0, UINT32_MAX));
  connect.header_digest = options.flag("headerDigest");
  connect.data_digest = options.flag("dataDigest");
  // -1: not given.
  connect.transport_ack_timeout = static_cast<int>(options.number("transportAckTimeout", 0, 32)) - 1;
  connect.transport_retry_count = static_cast<int>(options.number("transportRetryCount", 0, 8)) - 1;
  connect.tos = static_cast<int>(options.number("tos", 0, 256)) - 1;
  connect.keys = read_keys(info.Env(), options.object("keys"), request.transport_id.trtype);
  request.polling = read_polling(info, options);
  request.discovery = options.flag("discovery");
  request.reconnect = {.delay = milliseconds(options.number("reconnectDelayMs", 0, INT32_MAX)),
                       .loss_timeout = read_loss_timeout(options),
                       .fast_io_fail = milliseconds(options.number("fastIoFailTimeoutMs", 0, INT32_MAX)),
                       .stop_on_rejection = options.flag("stopOnRejection")};
  connect.timeout_ms = static_cast<uint32_t>(options.number("timeoutMs", 0, UINT32_MAX));
  return request;
}

}  // namespace

Napi::Function EnvironmentWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeEnvironment",
                     {InstanceMethod<&EnvironmentWrap::attach>("attach"),
                      InstanceMethod<&EnvironmentWrap::allocate>("allocate"),
                      InstanceMethod<&EnvironmentWrap::detach_memory>("detachMemory"),
                      InstanceMethod<&EnvironmentWrap::free_unpinned>("freeUnpinned"),
                      InstanceMethod<&EnvironmentWrap::pins>("pins"),
                      InstanceMethod<&EnvironmentWrap::poller_stats>("pollerStats"),
                      InstanceMethod<&EnvironmentWrap::memory_use>("memoryUse"),
                      InstanceMethod<&EnvironmentWrap::close>("close")});
}

/** Takes the environment that open() has just stored in the addon's data. */
EnvironmentWrap::EnvironmentWrap(const Napi::CallbackInfo& info)
    : ObjectWrap(info),
      environment_(AddonData::of(info.Env()).holder->get()),
      closing_(AddonData::of(info.Env()).closing) {}

Napi::Value EnvironmentWrap::open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  AddonData& data = AddonData::of(env);
  const EnvironmentSettings settings = read_settings(info);
  const Arguments options(info, 0);
  const int log_level = static_cast<int>(options.number("logLevel", 0, 4));
  const auto channel = data.channel;
  const auto on_log = channel->keep(options.function("onLog"));
  const auto opened = channel->keep(options.function("opened"));
  if (data.open) {
    opened->Call({to_js(
        env, Status::failure("ERR_SPDK_ENV_ALREADY_OPEN",
                             "this thread has an environment that is open, or being opened or closed"))});
    return env.Undefined();
  }
  const auto closing = std::make_shared<ClosingTask>();
  const auto run = [holder = data.holder, settings, channel, on_log, opened, log_level, closing] {
    Log::Listener listener = [channel, on_log](LogLine line) {
      channel->post([on_log, line = std::move(line)](Napi::Env js) { on_log->Call({to_js(js, line)}); });
    };
    std::shared_ptr<Environment> environment;
    const Status status = Environment::open(settings, log_level, std::move(listener), environment);
    // The environment is stored here and not in the task, so that a teardown in between finds it.
    if (status.ok() && !holder->put(environment)) environment->close(milliseconds(0));
    channel->post([opened, status](Napi::Env js) {
      if (!status.ok()) {
        // Before the result is reported: its caller may open another immediately.
        AddonData::of(js).open = false;
        opened->Call({to_js(js, status)});
        return;
      }
      opened->Call({js.Null(), AddonData::of(js).environment_constructor.New({})});
    });
    environment.reset();
    if (!status.ok()) closing->give_none();
    closing->run();
  };
  try {
    // The earlier one has finished: its environment was closed or could not be opened.
    if (data.closing) data.closing->give_none();
    data.open_close = std::make_unique<OwnedThread>("spdk-open-close", run);
  } catch (const std::system_error& error) {
    opened->Call({to_js(env, no_threads(error))});
    return env.Undefined();
  }
  data.open = true;
  data.closing = closing;
  return env.Undefined();
}

Napi::Value EnvironmentWrap::attach(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!environment_) reject_argument(env, "this object is not an environment");
  const Arguments options(info, 0);
  const auto channel = AddonData::of(env).channel;
  const auto attached = channel->keep(options.function("attached"));
  const auto state_changed = channel->keep(options.function("stateChanged"));
  const auto failed = channel->keep(options.function("failed"));
  const auto reset_step = channel->keep(options.function("resetStep"));
  const auto io_completed = channel->keep(options.function("ioCompleted"));
  const auto namespaces_changed = channel->keep(options.function("namespacesChanged"));
  const auto log_changed = channel->keep(options.function("logChanged"));
  const auto reservations_changed = channel->keep(options.function("reservationsChanged"));

  ControllerEvents events;
  events.attached = [channel, attached](const Status& status) {
    channel->post([attached, status](Napi::Env js) { attached->Call({to_js(js, status)}); });
  };
  events.state_changed = [channel, state_changed](ControllerState state) {
    channel->post([state_changed, state](Napi::Env js) {
      state_changed->Call({Napi::String::New(js, to_string(state))});
    });
  };
  events.failed = [channel, failed](const Status& status) {
    channel->post([failed, status](Napi::Env js) { failed->Call({to_js(js, status)}); });
  };
  events.reset = [channel, reset_step](const ResetStep& step) {
    channel->post([reset_step, step](Napi::Env js) { reset_step->Call({to_js(js, step)}); });
  };
  events.io_completed = [channel, io_completed, posted = std::make_shared<std::atomic<bool>>(false)] {
    // One wake-up for all completions until JavaScript looks.
    if (posted->exchange(true)) return;
    channel->post([io_completed, posted](Napi::Env) {
      posted->store(false);
      io_completed->Call({});
    });
  };
  events.namespaces_changed = [channel, namespaces_changed] {
    channel->post([namespaces_changed](Napi::Env) { namespaces_changed->Call({}); });
  };
  events.log_changed = [channel, log_changed] {
    channel->post([log_changed](Napi::Env) { log_changed->Call({}); });
  };
  events.reservations_changed = [channel, reservations_changed] {
    channel->post([reservations_changed](Napi::Env) { reservations_changed->Call({}); });
  };

  std::shared_ptr<Controller> controller;
  const Status status = environment_->attach(read_request(info), std::move(events), controller);
  if (!status.ok()) {
    attached->Call({to_js(env, status)});
    return env.Null();
  }
  Napi::Object wrap = AddonData::of(env).controller_constructor.New({});
  ControllerWrap::Unwrap(wrap)->own(std::move(controller));
  return wrap;
}

/** Returns `{ id, memory }`, or null if no memory or no number is left. The memory is dropped when JavaScript can no longer reach it. */
Napi::Value EnvironmentWrap::allocate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!environment_) reject_argument(env, "this object is not an environment");
  const auto size = static_cast<size_t>(Arguments(info, 0).number("bytes", 1, UINT32_MAX));
  const auto memory = environment_->memory();
  uint32_t id = 0;
  if (!memory->allocate(size, id)) return env.Null();
  const DmaMemory::Region& allocated = memory->region(id);
  const std::shared_ptr<uint8_t> owner(
      allocated.base, [memory, id, serial = allocated.serial](uint8_t*) { memory->drop(id, serial); });
  const auto buffer = share_with_js(env, allocated.base, size, owner);
  Napi::Object region = Napi::Object::New(env);
  region.Set("id", id);
  region.Set("memory", buffer);
  return region;
}

/**
 * Detaches the memory from every view of an ArrayBuffer of allocate(), and drops its region immediately: the finalizer runs
 * only when the event loop turns, and the caller may need the memory before. An ArrayBuffer that was detached before may
 * have been transferred to another one, which then ends the region.
 */
Napi::Value EnvironmentWrap::detach_memory(const Napi::CallbackInfo& info) {
  const uint32_t id = info[0].ToNumber().Uint32Value();
  if (!info[1].IsArrayBuffer()) reject_argument(info.Env(), "memory must be an ArrayBuffer");
  auto memory = info[1].As<Napi::ArrayBuffer>();
  if (memory.IsDetached()) return info.Env().Undefined();
  const void* base = memory.Data();
  memory.Detach();
  if (environment_ && base != nullptr && environment_->memory()->at(id, 0, 1) == base)
    environment_->memory()->drop(id);
  return info.Env().Undefined();
}

Napi::Value EnvironmentWrap::free_unpinned(const Napi::CallbackInfo& info) {
  if (environment_) environment_->memory()->free_unpinned(info[0].ToNumber().Uint32Value());
  return info.Env().Undefined();
}

/** Returns the words of DmaMemory::pins(). */
Napi::Value EnvironmentWrap::pins(const Napi::CallbackInfo& info) {
  if (!environment_) reject_argument(info.Env(), "this object is not an environment");
  auto& words = environment_->memory()->pins();
  return share_with_js(info.Env(), words.data(), words.size() * sizeof(uint32_t), environment_->memory());
}

Napi::Value EnvironmentWrap::poller_stats(const Napi::CallbackInfo& info) {
  if (!environment_) reject_argument(info.Env(), "this object is not an environment");
  return to_js(info.Env(), environment_->poller_stats());
}

Napi::Value EnvironmentWrap::memory_use(const Napi::CallbackInfo& info) {
  if (!environment_) reject_argument(info.Env(), "this object is not an environment");
  Napi::Object use = to_js(info.Env(), Environment::memory_use()).ToObject();
  const auto memory = environment_->memory();
  use.Set("ownBytes", static_cast<double>(memory->allocated_bytes()));
  use.Set("ownBuffers", memory->allocated_regions());
  return use;
}

Napi::Value EnvironmentWrap::close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!environment_) reject_argument(env, "this object is not an environment");
  const Arguments options(info, 0);
  const milliseconds limit(options.number("timeoutMs", 0, UINT32_MAX));
  AddonData& data = AddonData::of(env);
  const auto closed = data.channel->keep(options.function("closed"));
  // Closes on the thread that opened the environment, which waits for this task.
  const bool given = closing_->give([channel = data.channel, environment = environment_, limit, closed] {
    std::string held_by;
    const bool clean = environment->close(limit, &held_by);
    channel->post([closed, clean, held_by](Napi::Env js) {
      AddonData::of(js).open = false;
      closed->Call({Napi::Boolean::New(js, clean), Napi::String::New(js, held_by)});
    });
  });
  if (!given) reject_argument(env, "this environment is closed or closing");
  if (data.holder->get() == environment_) data.holder->clear();
  return env.Undefined();
}

}  // namespace spdk_nvme
