#include "native/core/connection/abort_calls.h"

#include <algorithm>

#include "native/core/io/piece.h"

namespace spdk_nvme {

namespace {

/** NVMe base specification, "Abort": dword 0 of the completion. */
constexpr uint32_t kNotAborted = 1;

}  // namespace

void AbortCalls::send(spdk_nvme_ctrlr* controller, QueueSet& set, size_t index, uint32_t slot, Done done) {
  calls_.push_back(
      std::make_unique<Call>(Call{.owner = this, .done = std::move(done), .ring = set.ring(index)}));
  Call* call = calls_.back().get();
  set.for_each_piece(index, slot, [&](spdk_nvme_qpair* /*queue_pair*/, void* context) {
    call->found = true;
    call->left++;
    call->aborts_of_part = static_cast<const Piece*>(context)->missing + 1;
    waiting_.push_back({.call = call, .set = &set, .index = index, .slot = slot, .context = context});
  });
  leave(call);
  send_more(controller);
}

size_t AbortCalls::most_at_once(spdk_nvme_ctrlr* controller) {
  // Abort Command Limit, 0 for one.
  return std::min<size_t>(kMostAtOnce, spdk_nvme_ctrlr_get_data(controller)->acl + 1U);
}

void AbortCalls::send_more(spdk_nvme_ctrlr* controller) {
  const auto ended = std::stable_partition(waiting_.begin(), waiting_.end(), [](const Part& part) {
    return part.set->has_command(part.index, part.slot);
  });
  const std::vector<Part> dropped(ended, waiting_.end());
  waiting_.erase(ended, waiting_.end());
  for (const Part& part : dropped) drop(part);
  const size_t most = most_at_once(controller);
  while (!waiting_.empty()) {
    const Part part = waiting_.front();
    const size_t aborts = part.call->aborts_of_part;
    if (in_flight_ > 0 && in_flight_ + aborts > most) return;
    waiting_.pop_front();
    if (aborts > most || !send(controller, part)) drop(part);
  }
}

/** Sends one Abort. False if the part has completed, or if SPDK does not take it. */
bool AbortCalls::send(spdk_nvme_ctrlr* controller, const Part& part) {
  bool sent = false;
  part.set->for_each_piece(part.index, part.slot, [&](spdk_nvme_qpair* queue_pair, void* context) {
    if (context != part.context) return;
    // SPDK finds the command by its context; what it has not sent yet completes inside the call.
    begin(*part.call);
    sent = spdk_nvme_ctrlr_cmd_abort_ext(controller, queue_pair, context, on_complete, part.call) == 0;
    if (!sent) end(*part.call);
  });
  return sent;
}

void AbortCalls::begin(Call& call) {
  in_flight_ += call.aborts_of_part;
  call.unanswered++;
  call.ring->abort_sent();
}

void AbortCalls::end(Call& call) {
  in_flight_ -= call.aborts_of_part;
  call.unanswered--;
  call.ring->abort_answered();
}

void AbortCalls::drop(const Part& part) {
  part.call->aborted = false;
  leave(part.call);
}

void AbortCalls::on_complete(void* context, const spdk_nvme_cpl* completion) {
  auto* call = static_cast<Call*>(context);
  call->owner->end(*call);
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
  waiting_.clear();
  for (const auto& call : std::exchange(calls_, {})) {
    while (call->unanswered > 0) end(*call);
    call->done(AbortOutcome::not_aborted);
  }
}

}  // namespace spdk_nvme
