#pragma once

#include <napi.h>

#include "native/binding/arguments.h"
#include "native/spdk/keys.h"

namespace spdk_nvme {

/** Reads the keys of an attach (NativeKeys in lib/native/contract.ts) for a transport. Throws a TypeError. */
spdk::Keys read_keys(Napi::Env env, const Arguments& options, spdk_nvme_transport_type transport);

/** The content of a kernel key as Uint8Array, or an errno. */
Napi::Value read_kernel_key(const Napi::CallbackInfo& info);

}  // namespace spdk_nvme
