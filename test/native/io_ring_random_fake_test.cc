// A ring under random commands, errors, losses and cancellations. The seed is printed; SEED=n runs that one.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/ring_driver.h"

namespace spdk_nvme {
namespace {

constexpr uint32_t kBlock = 512;
constexpr uint32_t kArea = 256;  // blocks, one area for each slot

uint64_t first_seed() {
  const char* given = getenv("SEED");
  return given != nullptr ? std::stoull(given) : std::random_device{}();
}

/** One life of a ring: each slot works on an area of its own, so that what is there is known. */
class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed) {
    depth_ = std::array{2U, 3U, 4U, 8U, 16U, 33U}[random_() % 6];
    ring_ = std::make_unique<IoRing>(memory_, std::bit_ceil(depth_));
    js_ = std::make_unique<RingDriver>(*ring_);
    controller_.data.mdts = 1;
    controller_.max_transfer = kBlock << random_() % 6;
    controller_.transport_id.trtype = random_() % 2 ? SPDK_NVME_TRANSPORT_RDMA : SPDK_NVME_TRANSPORT_TCP;
    controller_.data.nvmf_specific.ioccsz = 20;
    controller_.io_queue_size = depth_;
    controller_.max_segments = 1 + random_() % 16;
    controller_.data.nvmf_specific.msdbd = static_cast<uint8_t>(controller_.max_segments);
    controller_.add(1, kBlock, uint64_t{ring_->capacity()} * kArea,
                    std::array{0U, 8U, 24U, 64U}[random_() % 4]);
    fake::complete_at_random(controller_, random_);
    controller_.seen = [this](const FakeCommand& command) { saw(command); };
    controller_.status = [this](const FakeCommand& command) { return status(command); };
    controller_.reject = [this] { return reject(); };
    EXPECT_TRUE(memory_->allocate(size_t{ring_->capacity()} * kArea * kBlock * 2, region_));
    connect();
  }

  void run() {
    for (int step = 0; step < 600; step++) {
      switch (random_() % 16) {
        case 0:
          if (random_() % 4 == 0) lose();
          break;
        case 1:
          cancel();
          break;
        case 2:
        case 3:
        case 4:
        case 5:
          submit();
          break;
        default:
          poll();
      }
    }
    faults_ = false;
    for (int i = 0; i < 100'000 && js_->busy() > 0; i++) poll();
    EXPECT_EQ(js_->busy(), 0U) << "a command did not complete";
    EXPECT_FALSE(ring_->busy());
    EXPECT_EQ(ring_->in_flight(), 0U);
    EXPECT_EQ(queue_pair_.requests_used, 0U);
    EXPECT_EQ(controller_.split, 0U) << "SPDK had to split a command";
  }

 private:
  struct Task {
    uint32_t operation = 0;
    uint64_t first = 0;
    uint32_t blocks = 0;
    uint64_t number = 0;
    bool cancelled = false;
    bool resent = false;
    bool failed = false;
    /** How often each block was sent. */
    std::vector<int> sent{};
  };

  void connect() {
    queue_pair_ = {.controller = &controller_, .requests = 2 * depth_};
    ring_->set_namespaces(read_namespace_table(&controller_, tags_));
    js_->tag = tags_.of(1);
    ring_->bind(&controller_, depth_);
  }

  void lose() {
    ring_->set_requeue(random_() % 2 == 0);
    for (auto& [slot, task] : tasks_) task.resent = true;
    queue_pair_.failed = true;
    if (random_() % 2 == 0) ring_->submit(&queue_pair_);
    queue_pair_.abort_all();
    ring_->lost_queue_pair();
    check();
    connect();
  }

  void submit() {
    if (!js_->has_free()) return;
    const std::array operations{RingLayout::read,         RingLayout::write,      RingLayout::write,
                                RingLayout::write_zeroes, RingLayout::deallocate, RingLayout::flush,
                                RingLayout::raw,          RingLayout::compare};
    Task task{.operation = operations[random_() % operations.size()]};
    task.blocks = 1 + random_() % (random_() % 3 == 0 ? kArea : 8);
    task.number = ++last_number_;
    const uint32_t slot = js_->next_slot();
    task.first = uint64_t{slot} * kArea + random_() % (kArea - task.blocks + 1);
    task.sent.resize(task.blocks);
    const uint32_t offset = slot * kArea * kBlock * 2;
    std::vector<std::array<uint32_t, 3>> segments;
    if ((task.operation == RingLayout::read || task.operation == RingLayout::write) && random_() % 2 == 0) {
      // With a gap after each, so that what is written past its end would be seen.
      uint32_t at = offset;
      for (uint32_t left = task.blocks; left > 0;) {
        const uint32_t part =
            segments.size() == 15 ? left : 1 + static_cast<uint32_t>(random_() % std::min(left, 20U));
        segments.push_back({region_, at, part * kBlock});
        at += part * kBlock + kBlock / 2;
        left -= part;
      }
    }
    segments_[slot] = segments.empty()
                          ? std::vector<std::array<uint32_t, 3>>{{region_, offset, task.blocks * kBlock}}
                          : segments;
    if (task.operation == RingLayout::write || task.operation == RingLayout::read) {
      memset(memory_->at(region_, offset, kArea * kBlock * 2), static_cast<int>(random_()),
             kArea * kBlock * 2);
    }
    tasks_[slot] = task;
    js_->push({.operation = task.operation,
               .first = task.first,
               .blocks = task.blocks,
               .region = region_,
               .offset = offset},
              segments);
    EXPECT_TRUE(js_->publish());
  }

  void cancel() {
    if (tasks_.empty()) return;
    auto at = tasks_.begin();
    std::advance(at, random_() % tasks_.size());
    at->second.cancelled = true;
    js_->cancel(at->first);
  }

  void poll() {
    ring_->submit(&queue_pair_);
    spdk_nvme_qpair_process_completions(&queue_pair_, 0);
    check();
  }

  void saw(const FakeCommand& command) {
    EXPECT_LE(queue_pair_.in_flight.size() + 1, depth_);
    EXPECT_LE(command.bytes(), controller_.max_transfer);
    if (command.opcode == SPDK_NVME_OPC_FLUSH || command.context == nullptr) return;
    const auto* piece = static_cast<const Piece*>(command.context);
    const auto found = tasks_.find(piece->slot);
    ASSERT_NE(found, tasks_.end());
    Task& task = found->second;
    if (task.operation == RingLayout::raw) return;
    EXPECT_FALSE(task.failed) << "a piece was sent after an error";
    if (!task.resent && command.lba == task.first) {
      EXPECT_GT(task.number, last_started_) << "started out of order";
      last_started_ = task.number;
    }
    for (uint32_t i = 0; i < command.blocks; i++) {
      const uint64_t block = command.lba + i - task.first;
      ASSERT_LT(block, task.sent.size());
      task.sent[block]++;
    }
  }

  spdk_nvme_status status(const FakeCommand& command) {
    spdk_nvme_status status{};
    if (faults_ && random_() % 200 == 0) {
      status.sct = SPDK_NVME_SCT_MEDIA_ERROR;
      status.sc = SPDK_NVME_SC_UNRECOVERED_READ_ERROR;
      tasks_[static_cast<const Piece*>(command.context)->slot].failed = true;
    }
    return status;
  }

  int reject() {
    if (!faults_ || random_() % 50 != 0 || queue_pair_.in_flight.empty()) return 0;
    return random_() % 2 ? -ENOMEM : -EAGAIN;
  }

  void check() {
    for (const auto& [slot, status] : js_->reap()) {
      const auto found = tasks_.find(slot);
      ASSERT_NE(found, tasks_.end()) << "a slot completed twice";
      const Task task = found->second;
      tasks_.erase(found);
      EXPECT_TRUE(status == 0 || task.failed || task.cancelled || task.resent) << status;
      EXPECT_TRUE(status != 0 || !task.failed);
      if (status != 0 || task.operation == RingLayout::flush || task.operation == RingLayout::raw) continue;
      for (const int count : task.sent) EXPECT_TRUE(count == 1 || (count > 1 && task.resent)) << count;
      if (task.operation == RingLayout::read || task.operation == RingLayout::write) same(slot, task);
    }
  }

  /** The data in memory is the data on the disk. */
  void same(uint32_t slot, const Task& task) {
    const uint8_t* disk = controller_.namespaces[1].data.data() + task.first * kBlock;
    for (const auto& [region, offset, length] : segments_[slot]) {
      EXPECT_EQ(memcmp(memory_->at(region, offset, length), disk, length), 0);
      disk += length;
    }
  }

  std::mt19937_64 random_;
  uint32_t depth_ = 0;
  spdk_nvme_ctrlr controller_;
  NamespaceTags tags_;
  spdk_nvme_qpair queue_pair_;
  std::shared_ptr<DmaMemory> memory_ = std::make_shared<DmaMemory>();
  std::unique_ptr<IoRing> ring_;
  std::unique_ptr<RingDriver> js_;
  uint32_t region_ = 0;
  bool faults_ = true;
  uint64_t last_number_ = 0;
  uint64_t last_started_ = 0;
  std::map<uint32_t, Task> tasks_;
  std::map<uint32_t, std::vector<std::array<uint32_t, 3>>> segments_;
};

TEST(IoRingRandom, CompletesEveryCommandOnceWithItsData) {
  const uint64_t seed = first_seed();
  std::cout << "SEED=" << seed << '\n';
  for (uint64_t i = 0; i < 60 && !HasFailure(); i++) {
    SCOPED_TRACE("SEED=" + std::to_string(seed + i));
    Life(seed + i).run();
  }
}

}  // namespace
}  // namespace spdk_nvme
