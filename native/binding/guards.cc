#include "native/binding/guards.h"

#include <cstdint>

#include "native/binding/arguments.h"
#include "native/spdk/guard.h"

namespace spdk_nvme {

namespace {

uint32_t bytes_argument(const Napi::CallbackInfo& info, size_t index) {
  const double value = info[index].IsNumber() ? info[index].As<Napi::Number>().DoubleValue() : -1;
  if (!(value >= 0 && value <= UINT32_MAX)) reject_argument(info.Env(), "guards() needs two lengths");
  return static_cast<uint32_t>(value);
}

}  // namespace

Napi::Value guards(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const bool has_bytes =
      info[0].IsTypedArray() && info[0].As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
  if (!has_bytes) reject_argument(env, "guards() needs a Uint8Array");
  const auto data = info[0].As<Napi::Uint8Array>();
  const uint32_t block_bytes = bytes_argument(info, 1);
  const uint32_t covered = bytes_argument(info, 2);
  if (block_bytes == 0 || covered > block_bytes || data.ByteLength() % block_bytes != 0) {
    reject_argument(env, "guards() needs whole blocks");
  }
  const size_t blocks = data.ByteLength() / block_bytes;
  auto result = Napi::Uint16Array::New(env, blocks);
  for (size_t i = 0; i < blocks; i++) {
    result[i] = spdk::guard(data.Data() + i * block_bytes, covered);
  }
  return result;
}

}  // namespace spdk_nvme
