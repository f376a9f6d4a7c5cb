#include "native/binding/js_channel.h"

#include <memory>
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
  if (tasks_.size() == 1 && released_.empty()) wake_.NonBlockingCall();
}

JsChannel::Function JsChannel::keep(const Napi::Function& function) {
  auto* reference = new Napi::FunctionReference(Napi::Persistent(function));
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    kept_.insert(reference);
  }
  return {reference,
          [channel = shared_from_this()](Napi::FunctionReference* last) { channel->release(last); }};
}

void JsChannel::release(Napi::FunctionReference* function) {
  std::unique_ptr<Napi::FunctionReference> last(function);
  const std::lock_guard<std::mutex> guard(mutex_);
  // After close() there is nothing to be done on the JavaScript thread any more.
  if (closed_) return;
  kept_.erase(function);
  released_.push_back(std::move(last));
  if (released_.size() == 1 && tasks_.empty()) wake_.NonBlockingCall();
}

void JsChannel::close() {
  // Destroyed without the lock: a task may own the last reference to a function, whose release comes back here.
  std::vector<Task> dropped;
  const std::lock_guard<std::mutex> guard(mutex_);
  if (closed_) return;
  closed_ = true;
  dropped.swap(tasks_);
  for (Napi::FunctionReference* const function : kept_) function->Reset();
  kept_.clear();
  released_.clear();
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
    released_.clear();
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
