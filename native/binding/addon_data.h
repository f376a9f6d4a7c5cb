#pragma once

#include <napi.h>

#include <memory>

#include "../core/environment.h"
#include "../core/owned_thread.h"
#include "js_channel.h"

namespace spdk_nvme {

/** What this addon keeps for one Node environment: the main thread, or a worker. JavaScript thread only. */
struct AddonData {
  explicit AddonData(Napi::Env env);

  static AddonData& of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

  std::shared_ptr<JsChannel> channel;
  Napi::FunctionReference environment_constructor;
  Napi::FunctionReference controller_constructor;
  Napi::FunctionReference queue_pair_constructor;
  /** SPDK while this Node environment has it open; it may have been opened by another, then this is empty. */
  std::shared_ptr<Environment> environment;
  /** Opens or closes SPDK, off the JavaScript thread. One at a time. */
  std::unique_ptr<OwnedThread> errand;
};

}  // namespace spdk_nvme
