#pragma once

#include <napi.h>

#include <optional>

#include "native/core/base/buffer_pool.h"

namespace spdk_nvme {

/** `NativeBufferPool` of lib/native/contract.ts: the pool of the process, while one stream uses it. */
class BufferPoolWrap : public Napi::ObjectWrap<BufferPoolWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit BufferPoolWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value take(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  std::optional<BufferPool::Use> use_;
};

}  // namespace spdk_nvme
