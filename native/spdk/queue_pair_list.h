#pragma once

#include <spdk/nvme.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace spdk_nvme::spdk {

/** What both kinds of queue pairs have in common, see queue_pairs.h. */
class QueuePairList {
 public:
  QueuePairList(const QueuePairList&) = delete;
  QueuePairList& operator=(const QueuePairList&) = delete;

  enum class Connection { pending, established, failed };

  [[nodiscard]] size_t size() const { return queue_pairs_.size(); }
  [[nodiscard]] spdk_nvme_qpair* operator[](size_t index) const { return queue_pairs_[index]; }

 protected:
  explicit QueuePairList(spdk_nvme_ctrlr* controller) : controller_(controller) {}
  ~QueuePairList() = default;

  /** The options of a queue pair that is allocated first and connected by a call of its own. */
  [[nodiscard]] spdk_nvme_io_qpair_opts options(uint32_t queue_depth) const;
  [[nodiscard]] bool any_failed() const;
  void disconnect_all();
  void free_all();

  spdk_nvme_ctrlr* const controller_;
  std::vector<spdk_nvme_qpair*> queue_pairs_;
};

}  // namespace spdk_nvme::spdk
