#pragma once

#include <spdk/nvme.h>

#include <chrono>
#include <cstring>
#include <vector>

#include "native/core/io/piece.h"

namespace spdk_nvme {

/**
 * Fused pairs of which one half has failed and the other is still with the controller. SPDK's target, up to v26.05 at least, keeps
 * the Compare of a host that may read and not write for a reservation: it rejects the Write, and completes the Compare only
 * when the queue pair's next command arrives (nvmf_ctrlr_process_io_cmd()). A host that waits for the pair sends none, and waits
 * for ever. Polling thread only.
 */
class TornPairs {
 public:
  [[nodiscard]] bool empty() const { return pairs_.empty(); }
  void clear() { pairs_.clear(); }

  void add(const Piece& pair) {
    pairs_.push_back(&pair);
    since_ = Clock::now();
  }

  void remove(const Piece& pair) { std::erase(pairs_, &pair); }

  /** Sends a command after them, for which the controller ends them: Verify, which moves no data and is no write. */
  void end_late(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair) {
    if (Clock::now() - since_ < kTogether) return;
    const IoCommand& last = *pairs_.back()->command;
    spdk_nvme_cmd verify{};
    verify.opc = kVerify;
    verify.nsid = last.namespace_id;
    memcpy(&verify.cdw10, &last.first_block, sizeof(last.first_block));
    const int sent =
        spdk_nvme_ctrlr_cmd_io_raw(controller, queue_pair, &verify, nullptr, 0, ignore_outcome, nullptr);
    // Where there was no room it is tried again: the halves wait for it.
    if (sent == 0) clear();
  }

 private:
  using Clock = std::chrono::steady_clock;

  /** The two halves of a pair complete within less. */
  static constexpr std::chrono::milliseconds kTogether{10};
  /** SPDK v20.07 has no name for it. */
  static constexpr uint8_t kVerify = 0x0c;

  /** Whether it succeeds, or the controller does not know it, is the same. */
  static void ignore_outcome(void* /*context*/, const spdk_nvme_cpl* /*completion*/) {}

  std::vector<const Piece*> pairs_;
  Clock::time_point since_;
};

}  // namespace spdk_nvme
