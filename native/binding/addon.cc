// Placeholder until the binding exists: shows that SPDK's headers are found and that the addon loads.
#include <napi.h>

#include <spdk/version.h>

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("spdkVersion", Napi::String::New(env, SPDK_VERSION_STRING));
  return exports;
}

}  // namespace

NODE_API_MODULE(spdk_nvme, Init)
