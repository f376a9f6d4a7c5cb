#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

namespace spdk_nvme {

/**
 * A channel from any thread to one Node.js environment. Posted tasks run on its JavaScript thread, in order;
 * the thread is woken once for all tasks that have gathered. After close() posts are dropped, because the
 * environment may have ended. The channel does not keep the process alive; the deadline timers of lib/ do,
 * one for each pending operation.
 */
class JsChannel : public std::enable_shared_from_this<JsChannel> {
 public:
  using Task = std::function<void(Napi::Env)>;

  /** Thread: JavaScript. */
  static std::shared_ptr<JsChannel> create(Napi::Env env);

  /** Thread: any. */
  void post(Task task);

  /** A JavaScript function that any thread may hold and release; it is called in tasks only. Thread: JavaScript. */
  using Function = std::shared_ptr<Napi::FunctionReference>;
  Function keep(const Napi::Function& function);

  /** Drops later posts, because the environment ends. Thread: JavaScript. */
  void close();

 private:
  static void on_wake(Napi::Env env, Napi::Function unused, JsChannel* channel, void* data);
  using Wake = Napi::TypedThreadSafeFunction<JsChannel, void, on_wake>;

  JsChannel() = default;
  void run(Napi::Env env);
  /** The last holder of a function has gone. Thread: any. */
  void release(Napi::FunctionReference* function);

  Wake wake_;
  /** Guards all that follows, and with closed_ the lifetime of wake_. */
  std::mutex mutex_;
  std::vector<Task> tasks_;
  /** Functions with holders. Their references end with close(); without it Node.js would leak each. */
  std::unordered_set<Napi::FunctionReference*> kept_;
  /** Functions without holders, which the JavaScript thread deletes. */
  std::vector<std::unique_ptr<Napi::FunctionReference>> released_;
  bool closed_ = false;
};

}  // namespace spdk_nvme
