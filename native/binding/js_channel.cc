#include "native/binding/js_channel.h"

#include <utility>

namespace spdk_nvme {

std::shared_ptr<JsChannel> JsChannel::create(Napi::Env env) {
  std::shared_ptr<JsChannel> channel(new JsChannel());
  // The thread-safe function keeps the channel alive until Node.js has finished with both.
  auto* keep = new std::shared_ptr<JsChannel>(channel);
  channel->wake_ = Wake::New(
      env, "spdk-nvme", 0, 1, channel.get(),
      [](Napi::Env, std::shared_ptr<JsChannel>* kept, JsChannel*) { delete kept; }, keep);
  channel->wake_.Unref(env);
  return channel;
}

void JsChannel::post(Task task) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (closed_) return;
  tasks_.push_back(std::move(task));
  if (tasks_.size() == 1) wake_.NonBlockingCall();
}

JsChannel::Function JsChannel::keep(const Napi::Function& function) {
  auto* reference = new Napi::FunctionReference(Napi::Persistent(function));
  // The last owner may be on any thread, but the reference belongs to the JavaScript thread. It ends with
  // the environment.
  return {reference, [channel = shared_from_this()](Napi::FunctionReference* last) {
            channel->post([last](Napi::Env) { delete last; });
          }};
}

void JsChannel::close() {
  // Destroyed without the lock: a task may own the last reference to a function, whose release is posted here.
  std::vector<Task> dropped;
  const std::lock_guard<std::mutex> guard(mutex_);
  if (closed_) return;
  closed_ = true;
  dropped.swap(tasks_);
  wake_.Release();
}

void JsChannel::on_wake(Napi::Env env, Napi::Function /*unused*/, JsChannel* channel, void* /*data*/) {
  // Without an environment Node.js is ending and only empties the queue.
  if (static_cast<napi_env>(env) != nullptr) channel->run(env);
}

void JsChannel::run(Napi::Env env) {
  std::vector<Task> batch;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    batch.swap(tasks_);
  }
  for (const Task& task : batch) {
    const Napi::HandleScope scope(env);
    try {
      task(env);
    } catch (const Napi::Error& error) {
      // A listener of the user threw. The other tasks must still run, and the error must not be swallowed.
      napi_fatal_exception(env, error.Value());
    }
  }
}

}  // namespace spdk_nvme
