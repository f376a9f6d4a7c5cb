#pragma once

#include <napi.h>

#include <utility>

#include "native/core/controller/controller.h"

namespace spdk_nvme {

/** `NativeQueuePair` of lib/native/contract.ts: the ring of one queue pair and its calls. */
class QueuePairWrap : public Napi::ObjectWrap<QueuePairWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit QueuePairWrap(const Napi::CallbackInfo& info);
  void own(Controller::QueuePair queue_pair) { queue_pair_ = std::move(queue_pair); }

 private:
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value capacity(const Napi::CallbackInfo& info);
  Napi::Value poller(const Napi::CallbackInfo& info);
  void submit(const Napi::CallbackInfo& info);
  void poll(const Napi::CallbackInfo& info);

  Controller::QueuePair queue_pair_;
};

}  // namespace spdk_nvme
