#include "native/core/connection/key_change.h"

namespace spdk_nvme {

void KeyChange::begin(spdk_nvme_ctrlr* controller, const std::vector<std::shared_ptr<QueueSet>>& sets,
                      const LingerLock::ExclusiveGuard& /*held*/) {
  const int rejected = spdk::set_keys(controller, keys_);
  if (rejected != 0) return fail(rejected);
  authenticate(controller, nullptr);
  if (!spdk::io_queues_authenticate_again(controller)) return;
  for (const auto& set : sets) {
    set->for_each_pair([&](spdk_nvme_qpair* queue_pair) { authenticate(controller, queue_pair); });
  }
}

void KeyChange::authenticate(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair) {
  pending_.fetch_add(1, std::memory_order_relaxed);
  const int rejected = spdk::authenticate(controller, queue_pair, on_authenticated, this);
  if (rejected != 0) on_authenticated(this, rejected);
}

/** Called by the thread that polls the queue pair. */
void KeyChange::on_authenticated(void* self, int status) {
  auto& change = *static_cast<KeyChange*>(self);
  if (status != 0) change.fail(status);
  change.pending_.fetch_sub(1, std::memory_order_release);
}

void KeyChange::fail(int error) {
  int none = 0;
  error_.compare_exchange_strong(none, error);
}

std::optional<Status> KeyChange::outcome() const {
  const size_t pending = pending_.load(std::memory_order_acquire);
  if (const int error = error_.load(); error != 0) {
    return Status::failure("ERR_SPDK_AUTHENTICATION_FAILED",
                           "host and controller could not authenticate each other with the new keys", -error);
  }
  if (pending == 0) return Status::success();
  if (Clock::now() < deadline_) return std::nullopt;
  return Status::failure("ERR_SPDK_TIMEOUT", "the controller did not authenticate with the new keys in time");
}

}  // namespace spdk_nvme
