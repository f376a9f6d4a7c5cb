// The functions of JavaScript that a channel keeps, with a fake of what it calls of Node.js: each is released once, on the JavaScript
// thread. The sanitizers see what is not.

#include "native/binding/js_channel.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <set>
#include <thread>
#include <utility>

namespace {

/** The Node.js environment: references that are not deleted, and how often it was woken. */
struct FakeNode {
  const std::thread::id thread = std::this_thread::get_id();
  std::set<napi_ref> references;
  size_t woken = 0;
  void* context = nullptr;
  void* finalize_data = nullptr;
  napi_finalize finalize = nullptr;
  napi_threadsafe_function_call_js call = nullptr;
};

FakeNode* g_node = nullptr;

napi_env env() {
  return reinterpret_cast<napi_env>(g_node);
}

}  // namespace

extern "C" {

napi_status napi_create_string_utf8(napi_env, const char*, size_t, napi_value* result) {
  *result = nullptr;
  return napi_ok;
}

napi_status napi_create_threadsafe_function(napi_env, napi_value, napi_value, napi_value, size_t, size_t,
                                            void* finalize_data, napi_finalize finalize, void* context,
                                            napi_threadsafe_function_call_js call,
                                            napi_threadsafe_function* result) {
  g_node->finalize_data = finalize_data;
  g_node->finalize = finalize;
  g_node->context = context;
  g_node->call = call;
  *result = reinterpret_cast<napi_threadsafe_function>(g_node);
  return napi_ok;
}

napi_status napi_unref_threadsafe_function(napi_env, napi_threadsafe_function) {
  return napi_ok;
}

napi_status napi_call_threadsafe_function(napi_threadsafe_function, void*,
                                          napi_threadsafe_function_call_mode) {
  g_node->woken++;
  return napi_ok;
}

napi_status napi_release_threadsafe_function(napi_threadsafe_function,
                                             napi_threadsafe_function_release_mode) {
  return napi_ok;
}

napi_status napi_create_reference(napi_env, napi_value, uint32_t, napi_ref* result) {
  *result = reinterpret_cast<napi_ref>(new char);
  g_node->references.insert(*result);
  return napi_ok;
}

napi_status napi_delete_reference(napi_env, napi_ref reference) {
  EXPECT_EQ(std::this_thread::get_id(), g_node->thread);
  EXPECT_EQ(g_node->references.erase(reference), 1U);
  delete reinterpret_cast<char*>(reference);
  return napi_ok;
}

napi_status napi_open_handle_scope(napi_env, napi_handle_scope* result) {
  *result = nullptr;
  return napi_ok;
}

napi_status napi_close_handle_scope(napi_env, napi_handle_scope) {
  return napi_ok;
}
}

namespace spdk_nvme {
namespace {

class JsChannelTest : public testing::Test {
 protected:
  JsChannelTest() {
    g_node = &node_;
    channel_ = JsChannel::create(env());
  }
  ~JsChannelTest() override {
    channel_->close();
    channel_.reset();
    node_.finalize(env(), node_.finalize_data, node_.context);
    g_node = nullptr;
  }

  JsChannel::Function keep() {
    return channel_->keep(Napi::Function(env(), reinterpret_cast<napi_value>(this)));
  }
  /** As Node.js does after a wake. */
  void run() { node_.call(env(), nullptr, node_.context, nullptr); }

  FakeNode node_;
  std::shared_ptr<JsChannel> channel_;
};

/** The last owner of a function goes on another thread. */
void release_elsewhere(JsChannel::Function function) {
  std::thread([released = std::move(function)]() mutable { released.reset(); }).join();
}

TEST_F(JsChannelTest, ReleasesFunctionsOnItsOwnThread) {
  release_elsewhere(keep());
  release_elsewhere(keep());
  EXPECT_EQ(node_.references.size(), 2U);
  EXPECT_EQ(node_.woken, 1U);
  run();
  EXPECT_TRUE(node_.references.empty());
  release_elsewhere(keep());
  EXPECT_EQ(node_.woken, 2U);
}

TEST_F(JsChannelTest, WakesOnceForTasksAndReleases) {
  size_t ran = 0;
  const auto task = [&ran](Napi::Env) { ran++; };
  channel_->post(task);
  release_elsewhere(keep());
  EXPECT_EQ(node_.woken, 1U);
  run();
  release_elsewhere(keep());
  channel_->post(task);
  EXPECT_EQ(node_.woken, 2U);
  run();
  EXPECT_EQ(ran, 2U);
  EXPECT_TRUE(node_.references.empty());
}

// As the listeners of a worker that is terminated, which native threads still hold.
TEST_F(JsChannelTest, LeavesNothingOfFunctionsThatOutliveTheEnvironment) {
  JsChannel::Function held = keep();
  release_elsewhere(keep());
  channel_->post([waiting = keep()](Napi::Env) {});
  channel_->close();
  EXPECT_TRUE(node_.references.empty());
  release_elsewhere(std::move(held));
}

}  // namespace
}  // namespace spdk_nvme
