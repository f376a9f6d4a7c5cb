#pragma once

#include <napi.h>

#include <memory>
#include <utility>

namespace spdk_nvme {

/**
 * An ArrayBuffer over native memory, which `owner` keeps alive for as long as JavaScript can reach it. Throws where a worker is being
 * terminated; the finalizer, which has the owner, ends then, too.
 */
template <typename Owner>
Napi::ArrayBuffer share_with_js(Napi::Env env, void* data, size_t bytes, std::shared_ptr<Owner> owner) {
  return Napi::ArrayBuffer::New(env, data, bytes,
                                [owner = std::move(owner)](Napi::Env, void*) mutable { owner.reset(); });
}

}  // namespace spdk_nvme
