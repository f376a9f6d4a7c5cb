#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace spdk_nvme {

/**
 * The way from any thread into one Node environment. What is posted runs on its
 * JavaScript thread, in order; the thread is woken once for all that has gathered. After
 * close() posts are dropped: the environment may be gone. The channel does not keep the
 * process alive; the deadline timers of lib/ do, one for each pending operation.
 */
class JsChannel : public std::enable_shared_from_this<JsChannel> {
 public:
  using Task = std::function<void(Napi::Env)>;

  /** JavaScript thread. */
  static std::shared_ptr<JsChannel> create(Napi::Env env);

  /** Any thread. */
  void post(Task task);

  /**
   * A JavaScript function that any thread may hold and let go of; only called in tasks. JavaScript thread.
   */
  using Function = std::shared_ptr<Napi::FunctionReference>;
  Function keep(const Napi::Function& function);

  /** The environment ends. JavaScript thread. */
  void close();

 private:
  static void on_wake(Napi::Env env, Napi::Function unused, JsChannel* channel, void* data);
  using Wake = Napi::TypedThreadSafeFunction<JsChannel, void, on_wake>;

  JsChannel() = default;
  void run(Napi::Env env);

  Wake wake_;
  /** Guards tasks_ and closed_, and with closed_ the life of wake_. */
  std::mutex mutex_;
  std::vector<Task> tasks_;
  bool closed_ = false;
};

}  // namespace spdk_nvme
