#pragma once

#include <napi.h>

#include <vector>

#include "native/core/base/status.h"
#include "native/core/connection/controller_info.h"
#include "native/core/controller/controller.h"
#include "native/core/controller/controller_stats.h"
#include "native/core/diagnostics/log.h"
#include "native/core/io/poller_stats.h"

namespace spdk_nvme {

/** Returns `null` for success, otherwise the argument of SpdkError.fromNative() in lib/errors/spdk-error.ts. */
Napi::Value to_js(Napi::Env env, const Status& status);
Napi::Value to_js(Napi::Env env, const ControllerInfo& info);
Napi::Value to_js(Napi::Env env, const std::vector<NamespaceInfo>& namespaces);
Napi::Value to_js(Napi::Env env, const AttachReport& report);
Napi::Value to_js(Napi::Env env, const DetachReport& report);
Napi::Value to_js(Napi::Env env, const ResetStep& step);
Napi::Value to_js(Napi::Env env, const LogLine& line);
Napi::Value to_js(Napi::Env env, const std::vector<HistoryEvent>& events);
Napi::Value to_js(Napi::Env env, const std::vector<PollerStats>& pollers);
Napi::Value to_js(Napi::Env env, const spdk::MemoryUse& use);
Napi::Value to_js(Napi::Env env, const ControllerStats& stats);

}  // namespace spdk_nvme
