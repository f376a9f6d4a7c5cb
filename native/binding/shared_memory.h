#pragma once

#include <napi.h>

#include <memory>

namespace spdk_nvme {

/** An ArrayBuffer over native memory, which `owner` keeps alive for as long as JavaScript can reach it. */
template <typename Owner>
Napi::ArrayBuffer share_with_js(Napi::Env env, void* data, size_t bytes, std::shared_ptr<Owner> owner) {
  auto* kept = new std::shared_ptr<Owner>(std::move(owner));
  return Napi::ArrayBuffer::New(
      env, data, bytes, [](Napi::Env, void*, std::shared_ptr<Owner>* last) { delete last; }, kept);
}

}  // namespace spdk_nvme
