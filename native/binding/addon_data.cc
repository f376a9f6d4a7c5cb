#include "addon_data.h"

#include <chrono>

namespace spdk_nvme {

namespace {

/** A worker that is terminated, or a process that ends, waits at most this long for the target. */
constexpr std::chrono::milliseconds kTeardownLimit{1'500};

/** The Node environment ends: no JavaScript from here on; whatever is attached is detached in bounded time.
 */
void tear_down(AddonData* data) {
  data->channel->close();
  if (data->errand) data->errand->join_for(kTeardownLimit);
  if (!data->environment) return;
  data->environment->close(kTeardownLimit);
  data->environment.reset();
}

}  // namespace

AddonData::AddonData(Napi::Env env) : channel(JsChannel::create(env)) {
  // Added after the channel's own hook, so it runs before: hooks run in the reverse of their order.
  env.AddCleanupHook(tear_down, this);
}

}  // namespace spdk_nvme
