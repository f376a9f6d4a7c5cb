#include "native/binding/queue_pair_wrap.h"

#include <algorithm>
#include <chrono>

#include "native/binding/arguments.h"
#include "native/binding/shared_memory.h"

namespace spdk_nvme {

namespace {

/** The longest that a poll blocks JavaScript's event loop. */
constexpr uint32_t kLongestSpinUs = 100;

/** The first argument, without a conversion: a program that polls makes this call a million times a second. */
uint32_t uint32_argument(const Napi::CallbackInfo& info, const char* otherwise) {
  uint32_t value = 0;
  if (napi_get_value_uint32(info.Env(), info[0], &value) != napi_ok) reject_argument(info.Env(), otherwise);
  return value;
}

}  // namespace

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

/** The index of the poller that serves the queue pair; -1 when the JavaScript thread does alone. */
Napi::Value QueuePairWrap::poller(const Napi::CallbackInfo& info) {
  const bool threaded = queue_pair_.poller != nullptr;
  return Napi::Number::New(info.Env(), threaded ? static_cast<double>(queue_pair_.poller->index()) : -1);
}

/** Publishes the commands up to a tail to the threads that poll. */
void QueuePairWrap::submit(const Napi::CallbackInfo& info) {
  if (!queue_pair_.ring) reject_argument(info.Env(), "this object is not a queue pair");
  if (!queue_pair_.ring->publish(uint32_argument(info, "tail must be a number"))) {
    reject_argument(info.Env(), "tail must be at most the queue depth ahead of the last one");
  }
  queue_pair_.submitted();
}

/** Polls the queue pair and the others of its set, if the JavaScript thread may; up to some microseconds. */
void QueuePairWrap::poll(const Napi::CallbackInfo& info) {
  if (!queue_pair_.ring) reject_argument(info.Env(), "this object is not a queue pair");
  if (!queue_pair_.js_set) return;
  const uint32_t spin_us = uint32_argument(info, "spinUs must be a number");
  queue_pair_.js_set->poll(std::chrono::microseconds(std::min(spin_us, kLongestSpinUs)));
}

}  // namespace spdk_nvme
