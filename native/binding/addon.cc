#include <napi.h>

#include <random>
#include <string>

#include "native/binding/addon_data.h"
#include "native/binding/buffer_pool_wrap.h"
#include "native/binding/controller_wrap.h"
#include "native/binding/environment_wrap.h"
#include "native/binding/guards.h"
#include "native/binding/keys.h"
#include "native/binding/queue_pair_wrap.h"
#include "native/spdk/release_info.h"

namespace spdk_nvme {

namespace {

Napi::Object version(Napi::Env env) {
  Napi::Object object = Napi::Object::New(env);
  const spdk::ReleaseInfo info = spdk::release_info();
  object.Set("major", info.major);
  object.Set("minor", info.minor);
  object.Set("patch", info.patch);
  object.Set("text", info.text);
  object.Set("patches", info.patches);
  object.Set("linkage", info.static_spdk ? "static" : "shared");
  object.Set("dpdkLinkage", info.static_dpdk ? "static" : "shared");
  object.Set("firstWithVerify", info.first_with_verify);
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
  exports.Set("BufferPool", BufferPoolWrap::define(env));
  exports.Set("open", Napi::Function::New<EnvironmentWrap::open>(env, "open"));
  return exports;
}

}  // namespace

}  // namespace spdk_nvme

static Napi::Object load(Napi::Env env, Napi::Object exports) {
  return spdk_nvme::init(env, exports);
}

NODE_API_MODULE(spdk_nvme, load)
