// A command is for one disk: when another has its namespace's id, it ends with ENODEV, whether it was held over
// a reset, waited in the submission queue, or had been sent in part.

#include "native/core/io/namespace_tags.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <memory>

#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/ring_driver.h"
#include "native/core/io/io_ring.h"

namespace spdk_nvme {
namespace {

constexpr uint32_t kBlock = 512;
constexpr uint32_t kBlocks = 64;

uint32_t tag_now(NamespaceTags& tags, spdk_nvme_ctrlr& controller) {
  tags.update(&controller);
  return tags.of(1);
}

TEST(NamespaceTags, ChangeWithAllThatTellsADiskFromAnother) {
  using Change = std::function<void(spdk_nvme_ns&)>;
  const std::vector<Change> changes{
      [](auto& ns) { ns.identify.nguid[15] = 1; }, [](auto& ns) { ns.identify.eui64 = 1; },
      [](auto& ns) { ns.uuid = spdk_uuid{}; },     [](auto& ns) { ns.uuid->u.raw[7] = 1; },
      [](auto& ns) { ns.uuid.reset(); },           [](auto& ns) { ns.block_size = 4096; }};
  spdk_nvme_ctrlr controller;
  spdk_nvme_ns& ns = controller.add(1, kBlock, kBlocks);
  NamespaceTags tags;
  uint32_t last = tag_now(tags, controller);
  EXPECT_NE(last, 0U);
  for (size_t i = 0; i < changes.size(); i++) {
    changes[i](ns);
    const uint32_t fresh = tag_now(tags, controller);
    // A UUID of zeroes is none.
    EXPECT_EQ(fresh == last, i == 2) << "change " << i;
    last = fresh;
  }
}

TEST(NamespaceTags, ChangeWithTheSerialNumberOfTheSubsystemWhereNothingElseTells) {
  spdk_nvme_ctrlr controller;
  spdk_nvme_ns& ns = controller.add(1, kBlock, kBlocks);
  NamespaceTags tags;
  const uint32_t first = tag_now(tags, controller);
  controller.data.sn[19] = '2';
  const uint32_t second = tag_now(tags, controller);
  EXPECT_NE(second, first);
  ns.identify.eui64 = 1;
  const uint32_t named = tag_now(tags, controller);
  controller.data.sn[19] = '3';
  EXPECT_EQ(tag_now(tags, controller), named);
}

TEST(NamespaceTags, StayWhileADiskIsTheSame) {
  spdk_nvme_ctrlr controller;
  spdk_nvme_ns& ns = controller.add(1, kBlock, kBlocks);
  NamespaceTags tags;
  const uint32_t first = tag_now(tags, controller);
  ns.blocks *= 2;
  EXPECT_EQ(tag_now(tags, controller), first);
  spdk_nvme_ctrlr again;
  again.add(1, kBlock, kBlocks);
  again.add(2, kBlock, kBlocks);
  EXPECT_EQ(tag_now(tags, again), first);
  EXPECT_NE(tags.of(2), first);
}

TEST(NamespaceTags, AreNotGivenTwice) {
  spdk_nvme_ctrlr controller;
  spdk_nvme_ns& ns = controller.add(1, kBlock, kBlocks);
  NamespaceTags tags;
  NamespaceTags others;
  const uint32_t first = tag_now(tags, controller);
  EXPECT_NE(tag_now(others, controller), first);
  ns.active = false;
  tags.update(&controller);
  ns.active = true;
  EXPECT_NE(tag_now(tags, controller), first) << "it had vanished";
}

class AnotherDisk : public testing::Test {
 protected:
  void SetUp() override {
    EXPECT_TRUE(memory->allocate(1 << 16, region));
    memset(memory->at(region, 0, 1 << 16), 0x5a, 1 << 16);
    before.max_transfer = after.max_transfer = 8 * kBlock;
    before.data.mdts = after.data.mdts = 1;
    before.add(1, kBlock, kBlocks).identify.nguid[0] = 1;
    after.add(1, kBlock, kBlocks).identify.nguid[0] = 2;
    ring.set_requeue(true);
    connect(before);
    js.tag = tags.of(1);
  }

  void connect(spdk_nvme_ctrlr& controller) {
    queue_pair = {.controller = &controller, .requests = 8};
    ring.set_namespaces(read_namespace_table(&controller, tags));
    ring.bind(&controller, 4);
  }

  /** The connection ends, and the next one goes to another controller. */
  void reset_to(spdk_nvme_ctrlr& controller) {
    queue_pair.failed = true;
    queue_pair.abort_all();
    ring.lost_queue_pair();
    EXPECT_TRUE(js.reap().empty()) << "it was not held";
    connect(controller);
    controller.seen = [this](const FakeCommand&) { sent++; };
  }

  void push(uint32_t operation, uint32_t blocks) {
    js.push({.operation = operation, .blocks = blocks, .region = region});
    EXPECT_TRUE(js.publish());
  }

  std::vector<uint32_t> statuses() {
    std::vector<uint32_t> all;
    for (int i = 0; i < 100 && js.busy() > 0; i++) {
      ring.submit(&queue_pair);
      spdk_nvme_qpair_process_completions(&queue_pair, 0);
      for (const auto& one : js.reap()) all.push_back(one.status);
    }
    EXPECT_EQ(js.busy(), 0U) << "a command did not complete";
    return all;
  }

  spdk_nvme_ctrlr before;
  spdk_nvme_ctrlr after;
  NamespaceTags tags;
  std::shared_ptr<DmaMemory> memory = std::make_shared<DmaMemory>();
  IoRing ring{memory, 8};
  RingDriver js{ring};
  spdk_nvme_qpair queue_pair;
  uint32_t region = 0;
  int sent = 0;
};

TEST_F(AnotherDisk, GetsNoCommandThatWasHeldOverAReset) {
  for (const uint32_t operation : {RingLayout::write, RingLayout::read, RingLayout::write_zeroes,
                                   RingLayout::deallocate, RingLayout::flush}) {
    push(operation, 1);
  }
  ring.submit(&queue_pair);
  reset_to(after);
  EXPECT_EQ(statuses(), std::vector<uint32_t>(5, host_error(ENODEV)));
  EXPECT_EQ(sent, 0);
}

TEST_F(AnotherDisk, GetsNoCommandThatStillWaited) {
  push(RingLayout::write, 1);
  push(RingLayout::raw, 1);
  reset_to(after);
  EXPECT_EQ(statuses(), std::vector<uint32_t>(2, host_error(ENODEV)));
  EXPECT_EQ(sent, 0);
}

TEST_F(AnotherDisk, GetsNoRestOfACommand) {
  push(RingLayout::write, kBlocks);
  ring.submit(&queue_pair);
  spdk_nvme_qpair_process_completions(&queue_pair, 0);
  reset_to(after);
  EXPECT_EQ(statuses(), std::vector<uint32_t>{host_error(ENODEV)});
  EXPECT_EQ(sent, 0);
  EXPECT_EQ(before.namespaces[1].data[0], 0x5a);
}

TEST_F(AnotherDisk, IsNotTheSameDiskThatHasGrown) {
  after.add(1, kBlock, 2 * kBlocks).identify = before.namespaces[1].identify;
  push(RingLayout::write, kBlocks);
  push(RingLayout::flush, 0);
  ring.submit(&queue_pair);
  push(RingLayout::raw, 1);
  reset_to(after);
  EXPECT_EQ(statuses(), std::vector<uint32_t>(3, 0));
  EXPECT_EQ(after.namespaces[1].data[kBlocks * kBlock - 1], 0x5a);
}

}  // namespace
}  // namespace spdk_nvme
