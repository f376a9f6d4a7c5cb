#include "native/core/connection/abort_calls.h"

#include <algorithm>

namespace spdk_nvme {

namespace {

/** NVMe base specification, "Abort": dword 0 of the completion. */
constexpr uint32_t kNotAborted = 1;

}  // namespace

void AbortCalls::send(spdk_nvme_ctrlr* controller, QueueSet& set, size_t index, uint32_t slot, Done done) {
  calls_.push_back(std::make_unique<Call>(Call{.owner = this, .done = std::move(done)}));
  Call* call = calls_.back().get();
  set.for_each_piece(index, slot, [&](spdk_nvme_qpair* queue_pair, void* context) {
    call->found = true;
    call->left++;
    // SPDK finds the command by its context; what it has not sent yet completes inside the call.
    if (spdk_nvme_ctrlr_cmd_abort_ext(controller, queue_pair, context, on_complete, call) == 0) return;
    call->left--;
    call->aborted = false;
  });
  leave(call);
}

void AbortCalls::on_complete(void* context, const spdk_nvme_cpl* completion) {
  auto* call = static_cast<Call*>(context);
  if (spdk_nvme_cpl_is_error(completion) || (completion->cdw0 & kNotAborted) != 0) call->aborted = false;
  call->owner->leave(call);
}

void AbortCalls::leave(Call* call) {
  if (--call->left > 0) return;
  const auto place = std::ranges::find_if(calls_, [call](const auto& one) { return one.get() == call; });
  const std::unique_ptr<Call> ended = std::move(*place);
  calls_.erase(place);
  ended->done(!ended->found    ? AbortOutcome::not_found
              : ended->aborted ? AbortOutcome::aborted
                               : AbortOutcome::not_aborted);
}

void AbortCalls::settle_all() {
  for (const auto& call : std::exchange(calls_, {})) call->done(AbortOutcome::not_aborted);
}

}  // namespace spdk_nvme
