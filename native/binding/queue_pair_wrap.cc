#include "native/binding/queue_pair_wrap.h"

#include "native/binding/arguments.h"
#include "native/binding/shared_memory.h"

namespace spdk_nvme {

Napi::Function QueuePairWrap::define(Napi::Env env) {
  return DefineClass(
      env, "NativeQueuePair",
      {InstanceMethod<&QueuePairWrap::memory>("memory"), InstanceMethod<&QueuePairWrap::capacity>("capacity"),
       InstanceMethod<&QueuePairWrap::poller>("poller"), InstanceMethod<&QueuePairWrap::submit>("submit"),
       InstanceMethod<&QueuePairWrap::poll>("poll")});
}

QueuePairWrap::QueuePairWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

Napi::Value QueuePairWrap::memory(const Napi::CallbackInfo& info) {
  if (!queue_pair_.ring) reject_argument(info.Env(), "this object is not a queue pair");
  return share_with_js(info.Env(), queue_pair_.ring->words(), queue_pair_.ring->bytes(), queue_pair_.ring);
}

Napi::Value QueuePairWrap::capacity(const Napi::CallbackInfo& info) {
  if (!queue_pair_.ring) reject_argument(info.Env(), "this object is not a queue pair");
  return Napi::Number::New(info.Env(), queue_pair_.ring->capacity());
}

/** The index of the poller that serves the queue pair; -1 for the JavaScript thread. */
Napi::Value QueuePairWrap::poller(const Napi::CallbackInfo& info) {
  const bool threaded = queue_pair_.poller != nullptr;
  return Napi::Number::New(info.Env(), threaded ? static_cast<double>(queue_pair_.poller->index()) : -1);
}

/** Publishes the commands up to a tail to the poller. */
Napi::Value QueuePairWrap::submit(const Napi::CallbackInfo& info) {
  if (!queue_pair_.ring) reject_argument(info.Env(), "this object is not a queue pair");
  if (!queue_pair_.ring->publish(info[0].ToNumber().Uint32Value())) {
    reject_argument(info.Env(), "tail must be at most the queue depth ahead of the last one");
  }
  if (queue_pair_.poller != nullptr) queue_pair_.poller->wake();
  return info.Env().Undefined();
}

/** How far the completion queue is filled; first polls a queue pair that has no poller. */
Napi::Value QueuePairWrap::poll(const Napi::CallbackInfo& info) {
  if (!queue_pair_.ring) reject_argument(info.Env(), "this object is not a queue pair");
  if (queue_pair_.inline_set) queue_pair_.inline_set->poll();
  return Napi::Number::New(info.Env(), queue_pair_.ring->completed());
}

}  // namespace spdk_nvme
