#include "native/binding/addon_data.h"

#include <chrono>
#include <utility>

namespace spdk_nvme {

namespace {

/** A worker that is terminated, or a process that ends, waits at most this long for the target. */
constexpr std::chrono::milliseconds kTeardownLimit{1'500};

/** The Node.js environment ends: JavaScript no longer runs, and all controllers are detached in bounded time. */
void tear_down(void* self) {
  auto* data = static_cast<AddonData*>(self);
  data->channel->close();
  if (data->closing) data->closing->give_none();
  if (data->open_close) data->open_close->join_for(kTeardownLimit);
  if (const auto environment = data->holder->abandon()) environment->close(kTeardownLimit);
}

}  // namespace

bool EnvironmentHolder::put(const std::shared_ptr<Environment>& environment) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (abandoned_) return false;
  environment_ = environment;
  return true;
}

std::shared_ptr<Environment> EnvironmentHolder::get() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return environment_;
}

void EnvironmentHolder::clear() {
  const std::lock_guard<std::mutex> guard(mutex_);
  environment_.reset();
}

std::shared_ptr<Environment> EnvironmentHolder::abandon() {
  const std::lock_guard<std::mutex> guard(mutex_);
  abandoned_ = true;
  return std::move(environment_);
}

AddonData::AddonData(Napi::Env env) : channel(JsChannel::create(env)) {
  // Added after the channel's own hook, so it runs before: hooks run in the reverse of their order.
  napi_add_env_cleanup_hook(env, tear_down, this);
}

}  // namespace spdk_nvme
