#include "native/binding/buffer_pool_wrap.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "native/binding/arguments.h"

namespace spdk_nvme {

Napi::Function BufferPoolWrap::define(Napi::Env env) {
  return DefineClass(
      env, "NativeBufferPool",
      {InstanceMethod<&BufferPoolWrap::take>("take"), InstanceMethod<&BufferPoolWrap::close>("close")});
}

BufferPoolWrap::BufferPoolWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  use_.emplace(BufferPool::of_process());
}

/**
 * Returns a Buffer, or null if there is no memory. Node.js calls the finalizer when no view of the memory is left, or when its
 * environment ends: a worker's last line of JavaScript has run then.
 */
Napi::Value BufferPoolWrap::take(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto bytes = static_cast<size_t>(Arguments(info, 0).number("bytes", 1, BufferPool::kMaxBytes));
  uint8_t* const buffer = BufferPool::of_process().take(bytes);
  if (buffer == nullptr) return env.Null();
  // Ends with the finalizer, also if there is no Buffer because a worker is being terminated.
  std::shared_ptr<uint8_t> owner(
      buffer, [bytes](uint8_t* unreachable) { BufferPool::of_process().give(unreachable, bytes); });
  return Napi::Buffer<uint8_t>::New(
      env, buffer, bytes, [owner = std::move(owner)](Napi::Env, uint8_t*) mutable { owner.reset(); });
}

void BufferPoolWrap::close(const Napi::CallbackInfo& /*info*/) {
  use_.reset();
}

}  // namespace spdk_nvme
