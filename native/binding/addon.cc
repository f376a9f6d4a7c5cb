#include <napi.h>

#include <spdk/version.h>

#include <random>
#include <string>

#include "native/binding/addon_data.h"
#include "native/binding/controller_wrap.h"
#include "native/binding/environment_wrap.h"
#include "native/binding/guards.h"
#include "native/binding/keys.h"
#include "native/binding/queue_pair_wrap.h"
#include "native/spdk/env.h"
#include "native/spdk/release.h"

namespace spdk_nvme {

namespace {

Napi::Object version(Napi::Env env) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("major", SPDK_VERSION_MAJOR);
  object.Set("minor", SPDK_VERSION_MINOR);
  object.Set("patch", SPDK_VERSION_PATCH);
  object.Set("text", spdk::version_string());
  object.Set("patches", SPDK_NVME_PATCHES);
  object.Set("linkage", spdk::kStaticSpdk ? "static" : "shared");
  object.Set("dpdkLinkage", spdk::kStaticDpdk ? "static" : "shared");
  return object;
}

/** A random UUID (version 4) without its hyphens, the same in all threads of the process. */
std::string process_host_id() {
  static const std::string id = [] {
    constexpr char kDigits[] = "0123456789abcdef";
    std::random_device random;
    std::string text;
    for (int i = 0; i < 32; i++) text += kDigits[random() & 15];
    text[12] = '4';
    text[16] = '8';
    return text;
  }();
  return id;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData(env);
  env.SetInstanceData(data);
  data->environment_constructor = Napi::Persistent(EnvironmentWrap::define(env));
  data->controller_constructor = Napi::Persistent(ControllerWrap::define(env));
  data->queue_pair_constructor = Napi::Persistent(QueuePairWrap::define(env));
  exports.Set("version", version(env));
  exports.Set("processHostId", process_host_id());
  exports.Set("guards", Napi::Function::New<guards>(env, "guards"));
  exports.Set("readKernelKey", Napi::Function::New<read_kernel_key>(env, "readKernelKey"));
  exports.Set("open", Napi::Function::New<EnvironmentWrap::open>(env, "open"));
  return exports;
}

}  // namespace

}  // namespace spdk_nvme

static Napi::Object spdk_nvme_init(Napi::Env env, Napi::Object exports) {
  return spdk_nvme::init(env, exports);
}

NODE_API_MODULE(spdk_nvme, spdk_nvme_init)
