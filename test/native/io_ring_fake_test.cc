// What a ring does with its commands, against a fake of SPDK: single cases; io_ring_random_fake_test.cc has the
// random ones. Longer than other files: a list of short cases that share one fixture.

#include "native/core/io/io_ring.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>

#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/ring_driver.h"
#include "native/spdk/interpose/last_answer.h"

namespace spdk_nvme {
namespace {

constexpr uint32_t kBlock = 512;
constexpr uint32_t kMaxBlocks = 8;

class IoRingTest : public testing::Test {
 protected:
  void SetUp() override {
    controller.data.mdts = 1;
    controller.max_transfer = kMaxBlocks * kBlock;
    controller.add(1, kBlock, 4096);
    EXPECT_TRUE(memory->allocate(1 << 20, region));
    connect(4);
  }

  void connect(uint32_t queue_depth) {
    depth = queue_depth;
    controller.io_queue_size = queue_depth;
    queue_pair = {.controller = &controller, .requests = 2 * queue_depth};
    describe();
    js.tag = tags.of(1);
    ring.bind(&controller, queue_depth);
    controller.seen = [this](const FakeCommand& command) {
      sent.push_back(command);
      EXPECT_LE(queue_pair.in_flight.size() + 1, depth);
    };
  }

  /** As the control thread does when the namespaces may have changed, and after a reset. */
  void describe() { ring.set_namespaces(read_namespace_table(&controller, tags)); }

  uint32_t push(RingDriver::Range range, const std::vector<std::array<uint32_t, 3>>& segments = {}) {
    range.region = region;
    const uint32_t slot = js.push(range, segments);
    EXPECT_TRUE(js.publish());
    return slot;
  }

  void poll() {
    ring.submit(&queue_pair);
    spdk_nvme_qpair_process_completions(&queue_pair, 0);
  }

  std::vector<RingDriver::Completion> finish() {
    std::vector<RingDriver::Completion> all;
    for (int i = 0; i < 1000 && js.busy() > 0; i++) {
      poll();
      for (const auto& one : js.reap()) all.push_back(one);
    }
    EXPECT_EQ(js.busy(), 0U) << "a command did not complete";
    EXPECT_FALSE(ring.busy());
    EXPECT_EQ(ring.in_flight(), 0U);
    EXPECT_EQ(controller.split, 0U) << "SPDK had to split a command";
    return all;
  }

  spdk_nvme_ctrlr controller;
  NamespaceTags tags;
  std::shared_ptr<DmaMemory> memory = std::make_shared<DmaMemory>();
  IoRing ring{memory, 8};
  RingDriver js{ring};
  spdk_nvme_qpair queue_pair;
  uint32_t region = 0;
  uint32_t depth = 0;
  std::vector<FakeCommand> sent;
};

TEST_F(IoRingTest, NoticesTheLastAnswerOfAPoll) {
  controller.completions_of_poll = [](size_t) { return size_t{1}; };
  push({.blocks = 1});
  push({.blocks = 1});
  const auto has_come_after_poll = [this] {
    const spdk::LastAnswer last_answer;
    poll();
    return spdk::LastAnswer::has_come();
  };
  EXPECT_FALSE(has_come_after_poll());
  EXPECT_TRUE(has_come_after_poll());
  // Nothing was outstanding: it reads, to notice the end of the connection.
  EXPECT_FALSE(has_come_after_poll());
  EXPECT_EQ(js.reap().size(), 2U);
}

TEST_F(IoRingTest, SendsALongReadInPiecesAndCompletesItOnce) {
  for (size_t i = 0; i < 4096 * kBlock; i++) controller.namespaces[1].data[i] = static_cast<uint8_t>(i / 7);
  push({.first = 5, .blocks = 1000});
  const auto all = finish();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].status, 0U);
  EXPECT_EQ(sent.size(), 125U);
  EXPECT_EQ(memcmp(memory->at(region, 0, 1000 * kBlock), controller.namespaces[1].data.data() + 5 * kBlock,
                   1000 * kBlock),
            0);
}

TEST_F(IoRingTest, TransfersMetadataWithItsBlocksAndCountsTheirReferenceTags) {
  constexpr uint32_t kExtended = kBlock + 8;
  spdk_nvme_ns& ns = controller.namespaces[1];
  ns.metadata_size = 8;
  ns.data.resize(4096 * static_cast<size_t>(kExtended));
  RingDriver::Range range{.block_size = kExtended, .first = 5, .blocks = 20};
  range.flags = SPDK_NVME_IO_FLAGS_PRCHK_GUARD | SPDK_NVME_IO_FLAGS_PRCHK_REFTAG;
  range.reference_tag = UINT32_MAX - 2;
  range.application_tag = 0xffff1234;
  for (const auto type : {SPDK_NVME_FMT_NVM_PROTECTION_TYPE1, SPDK_NVME_FMT_NVM_PROTECTION_TYPE3}) {
    sent.clear();
    ns.protection_type = type;
    describe();
    js.tag = tags.of(1);
    push(range);
    EXPECT_EQ(finish()[0].status, 0U);
    ASSERT_EQ(sent.size(), 3U);
    for (uint32_t i = 0; i < 3; i++) {
      // Seven blocks with their metadata are what the controller transfers at most.
      EXPECT_EQ(sent[i].bytes(), (i < 2 ? 7U : 6U) * kExtended);
      EXPECT_EQ(sent[i].cdw12 >> 16 << 16, range.flags);
      EXPECT_EQ(sent[i].cdw14,
                range.reference_tag + (type == SPDK_NVME_FMT_NVM_PROTECTION_TYPE1 ? 7 * i : 0));
      EXPECT_EQ(sent[i].cdw15, range.application_tag);
    }
  }
}

TEST_F(IoRingTest, TransfersNoMetadataThatTheControllerMakes) {
  spdk_nvme_ns& ns = controller.namespaces[1];
  ns.metadata_size = 8;
  ns.protection_type = SPDK_NVME_FMT_NVM_PROTECTION_TYPE2;
  describe();
  js.tag = tags.of(1);
  push({.blocks = 8, .flags = SPDK_NVME_IO_FLAGS_PRACT});
  EXPECT_EQ(finish()[0].status, 0U);
  EXPECT_EQ(sent[0].bytes(), 8U * kBlock);
  // It makes what is protection information only.
  ns.metadata_size = 16;
  describe();
  js.tag = tags.of(1);
  push({.blocks = 1, .flags = SPDK_NVME_IO_FLAGS_PRACT});
  EXPECT_EQ(finish()[0].status, RingLayout::kHostError | ENOTSUP);
}

TEST_F(IoRingTest, SendsNothingThatLeavesMetadataOutOrThatFabricsCannotTransfer) {
  spdk_nvme_ns& ns = controller.namespaces[1];
  ns.metadata_size = 8;
  describe();
  js.tag = tags.of(1);
  push({.blocks = 1});
  push({.operation = RingLayout::write, .blocks = 1});
  ns.metadata_interleaved = false;
  for (const auto& one : finish()) EXPECT_EQ(one.status, RingLayout::kHostError | ENOTSUP);
  describe();
  push({.block_size = kBlock + 8, .blocks = 1});
  EXPECT_EQ(finish()[0].status, RingLayout::kHostError | ENOTSUP);
  EXPECT_TRUE(sent.empty());
}

TEST_F(IoRingTest, LeavesOutTagsThatNoFlagAsksFor) {
  push(
      {.blocks = 1, .flags = SPDK_NVME_IO_FLAGS_FORCE_UNIT_ACCESS, .reference_tag = 1, .application_tag = 2});
  EXPECT_EQ(finish()[0].status, 0U);
  EXPECT_EQ(sent[0].cdw14, 0U);
  EXPECT_EQ(sent[0].cdw15, 0U);
}

TEST_F(IoRingTest, SendsACompareAndWriteAsAPairThatCompletesOnce) {
  controller.announce_compare_and_write();
  controller.data.acwu = 3;
  describe();
  push({.blocks = 1});
  push({.operation = RingLayout::compare_and_write, .first = 2, .blocks = 4});
  push({.blocks = 1});
  const auto all = finish();
  ASSERT_EQ(all.size(), 3U);
  ASSERT_EQ(sent.size(), 4U);
  EXPECT_EQ(sent[1].opcode, SPDK_NVME_OPC_COMPARE);
  EXPECT_EQ(sent[2].opcode, SPDK_NVME_OPC_WRITE);
  for (const size_t i : {1, 2}) EXPECT_EQ(sent[i].lba, 2U);
  EXPECT_EQ(sent[1].bytes(), 4U * kBlock);
  EXPECT_EQ(sent[2].runs[0].address, sent[1].runs[0].address + 4 * static_cast<size_t>(kBlock));
}

TEST_F(IoRingTest, ReportsWhyTheFirstOfAPairFailed) {
  controller.announce_compare_and_write();
  describe();
  controller.status = [](const FakeCommand& command) {
    spdk_nvme_status status{};
    const bool compares = command.opcode == SPDK_NVME_OPC_COMPARE;
    status.sct = compares ? SPDK_NVME_SCT_MEDIA_ERROR : SPDK_NVME_SCT_GENERIC;
    status.sc = SPDK_NVME_SC_ABORTED_FAILED_FUSED;
    if (compares) status.sc = SPDK_NVME_SC_COMPARE_FAILURE;
    return status;
  };
  push({.operation = RingLayout::compare_and_write, .blocks = 1});
  const auto all = finish();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].status, SPDK_NVME_SCT_MEDIA_ERROR << 8 | SPDK_NVME_SC_COMPARE_FAILURE);
}

/** As SPDK's target with a reservation of another host: the Compare waits for the command after the Write that was rejected. */
TEST_F(IoRingTest, SendsACommandAfterAPairOfWhichTheControllerKeepsOneHalf) {
  controller.announce_compare_and_write();
  describe();
  controller.status = [](const FakeCommand& command) {
    spdk_nvme_status status{};
    if (command.opcode == SPDK_NVME_OPC_WRITE) status.sc = SPDK_NVME_SC_RESERVATION_CONFLICT;
    if (command.opcode == SPDK_NVME_OPC_COMPARE) status.sc = SPDK_NVME_SC_ABORTED_MISSING_FUSED;
    return status;
  };
  // The Write completes, and then nothing until there is a third command.
  controller.completions_of_poll = [this](size_t in_flight) {
    return sent.size() == 3 ? in_flight : in_flight - 1;
  };
  controller.next_completed = [this](size_t in_flight) { return sent.size() == 3 ? 0 : in_flight - 1; };
  push({.operation = RingLayout::compare_and_write, .first = 5, .blocks = 1});
  poll();
  poll();
  EXPECT_EQ(sent.size(), 2U) << "the second half usually comes at once";
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  std::vector<RingDriver::Completion> all;
  while (all.empty() && std::chrono::steady_clock::now() < end) {
    poll();
    all = js.reap();
  }
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].status, static_cast<uint32_t>(SPDK_NVME_SC_RESERVATION_CONFLICT));
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(sent[2].opcode, 0x0c);
  EXPECT_EQ(sent[2].lba, 5U);
  EXPECT_TRUE(sent[2].runs.empty());
  poll();
  EXPECT_FALSE(ring.busy());
  EXPECT_TRUE(queue_pair.in_flight.empty());
}

TEST_F(IoRingTest, DoesNotSendAPairAgain) {
  controller.announce_compare_and_write();
  describe();
  ring.set_requeue(true);
  controller.completions_of_poll = [](size_t) { return 0; };
  push({.operation = RingLayout::compare_and_write, .blocks = 1});
  poll();
  queue_pair.abort_all();
  const auto all = js.reap();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].status, SPDK_NVME_SC_ABORTED_SQ_DELETION);
  EXPECT_FALSE(ring.busy());
}

TEST_F(IoRingTest, EndsAPairThatItCannotSendAsAnyOtherCommand) {
  controller.announce_compare_and_write();
  describe();
  queue_pair.failed = true;
  push({.operation = RingLayout::compare_and_write, .blocks = 1});
  push({.blocks = 1});
  poll();
  const auto all = js.reap();
  ASSERT_EQ(all.size(), 2U);
  for (const auto& one : all) EXPECT_EQ(one.status, RingLayout::kHostError | ENXIO);
}

TEST_F(IoRingTest, CompletesAPairWhoseConnectionEndsBetweenItsHalves) {
  controller.announce_compare_and_write();
  describe();
  ring.set_requeue(true);
  int halves = 0;
  controller.reject = [&] {
    if (++halves == 1) return 0;
    queue_pair.abort_all();
    return -ENXIO;
  };
  push({.operation = RingLayout::compare_and_write, .blocks = 1});
  poll();
  const auto all = js.reap();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].status, RingLayout::kHostError | EIO);
  EXPECT_FALSE(ring.busy());
  EXPECT_EQ(halves, 2);
}

TEST_F(IoRingTest, SplitsCommandsOnRangesByTheirOwnLimits) {
  ring.set_namespaces(read_namespace_table(&controller, tags,
                                           {.write_zeroes_bytes = 16 * kBlock,
                                            .write_uncorrectable_bytes = kBlock / 2,
                                            .deallocate_blocks = 100}));
  const auto lengths = [this](uint32_t operation, uint32_t blocks) {
    sent.clear();
    push({.operation = operation, .first = 3, .blocks = blocks});
    EXPECT_EQ(finish()[0].status, 0U);
    std::vector<uint32_t> all;
    uint64_t next = 3;
    for (const FakeCommand& one : sent) {
      EXPECT_EQ(one.lba, next);
      next += one.blocks;
      all.push_back(one.blocks);
    }
    return all;
  };
  using Lengths = std::vector<uint32_t>;
  EXPECT_EQ(lengths(RingLayout::write_zeroes, 40), (Lengths{16, 16, 8}));
  EXPECT_EQ(lengths(RingLayout::deallocate, 250), (Lengths{100, 100, 50}));
  // Less than one block: as little as a command can say.
  EXPECT_EQ(lengths(RingLayout::write_uncorrectable, 2), (Lengths{1, 1}));
  describe();
  EXPECT_EQ(lengths(RingLayout::write_zeroes, 40), Lengths{40});
  EXPECT_EQ(lengths(RingLayout::deallocate, 250), Lengths{250});
}

TEST_F(IoRingTest, SendsNoRawCommandWithMoreDataThanTheControllerTakes) {
  push({.operation = RingLayout::raw, .length = kMaxBlocks * kBlock});
  EXPECT_EQ(finish()[0].status, 0U);
  push({.operation = RingLayout::raw, .length = kMaxBlocks * kBlock + 4});
  EXPECT_EQ(finish()[0].status, RingLayout::kHostError | EMSGSIZE);
  EXPECT_EQ(sent.size(), 1U);
}

TEST_F(IoRingTest, SendsNoPairThatTheControllerWouldNotTakeAsOne) {
  push({.operation = RingLayout::compare_and_write, .blocks = 1});
  controller.announce_compare_and_write();
  controller.data.acwu = 1;
  EXPECT_EQ(finish()[0].status, RingLayout::kHostError | ENOTSUP);
  describe();
  push({.operation = RingLayout::compare_and_write, .blocks = 3});
  EXPECT_EQ(finish()[0].status, RingLayout::kHostError | ENOTSUP);
  // Nor one of which each command is larger than it takes.
  controller.data.acwu = 63;
  describe();
  push({.operation = RingLayout::compare_and_write, .blocks = kMaxBlocks + 1});
  EXPECT_EQ(finish()[0].status, RingLayout::kHostError | ENOTSUP);
  EXPECT_TRUE(sent.empty());
}

TEST_F(IoRingTest, CountsReadsAndWritesApartAndHowLongCommandsTook) {
  push({.blocks = 1000});
  push({.operation = RingLayout::write, .blocks = 16});
  push({.operation = RingLayout::flush});
  push({.namespace_id = 9});  // not sent: there is no such namespace
  EXPECT_EQ(finish().size(), 4U);
  const IoRing::Counts& counts = ring.counts();
  EXPECT_EQ(counts.completed.value(), 4U);
  EXPECT_EQ(counts.failed.value(), 1U);
  EXPECT_EQ(counts.reads.value(), 1U);
  EXPECT_EQ(counts.bytes_read.value(), 1000U * kBlock);
  EXPECT_EQ(counts.writes.value(), 1U);
  EXPECT_EQ(counts.bytes_written.value(), 16U * kBlock);
  uint64_t timed = 0;
  for (size_t i = 0; i < LatencyHistogram::kBuckets; i++) timed += counts.latency.count(i);
  EXPECT_EQ(timed, 3U);
}

TEST_F(IoRingTest, SendsALongReadAtTheSmallestDepth) {
  connect(2);
  push({.blocks = 1000});
  push({.first = 7});
  EXPECT_EQ(finish().size(), 2U);
}

TEST_F(IoRingTest, CutsAtTheBoundaryOfTheNamespace) {
  controller.namespaces[1].boundary = 6;
  connect(4);
  push({.first = 4, .blocks = 20});
  finish();
  for (const FakeCommand& command : sent) EXPECT_LE(command.lba % 6 + command.blocks, 6U);
  EXPECT_EQ(sent.size(), 4U);
}

TEST_F(IoRingTest, SendsAnAnnouncedUnlimitedTransferInPiecesOfOneMebibyte) {
  controller.data.mdts = 0;
  controller.max_transfer = UINT32_MAX;
  connect(4);
  push({.blocks = 2048});
  finish();
  EXPECT_EQ(sent.size(), 1U);
  EXPECT_EQ(read_namespace_table(&controller, tags)->limits().bytes, 1U << 20);
}

TEST_F(IoRingTest, SendsOneSegmentAtATimeWhereTheControllerTakesOne) {
  controller.data.nvmf_specific.msdbd = controller.max_segments = 1;
  connect(4);
  std::vector<std::array<uint32_t, 3>> segments;
  for (uint32_t i = 0; i < 16; i++) segments.push_back({region, i * 16 * kBlock, 2 * kBlock});
  push({.blocks = 32}, segments);
  finish();
  EXPECT_EQ(sent.size(), 16U);
}

TEST_F(IoRingTest, SendsSegmentsTogetherWhereTheControllerTakesSeveral) {
  controller.transport_id.trtype = SPDK_NVME_TRANSPORT_RDMA;
  controller.data.nvmf_specific.ioccsz = 20;
  controller.data.nvmf_specific.msdbd = controller.max_segments = 4;
  connect(8);
  std::vector<std::array<uint32_t, 3>> segments;
  for (uint32_t i = 0; i < 16; i++) segments.push_back({region, i * 16 * kBlock, kBlock});
  push({.operation = RingLayout::write, .blocks = 16}, segments);
  finish();
  ASSERT_EQ(sent.size(), 4U);
  EXPECT_EQ(sent[3].runs.size(), 4U);
}

TEST_F(IoRingTest, SendsFewerSegmentsTogetherThanTheQueuePairHasCommands) {
  controller.transport_id.trtype = SPDK_NVME_TRANSPORT_RDMA;
  controller.data.nvmf_specific.ioccsz = 20;
  controller.max_segments = 16;
  std::vector<std::array<uint32_t, 3>> segments;
  for (uint32_t i = 0; i < 8; i++) segments.push_back({region, i * 16 * kBlock, kBlock});
  for (const auto& [commands, most] : std::map<uint32_t, size_t>{{2, 1}, {4, 3}, {16, 8}}) {
    connect(commands);
    sent.clear();
    push({.operation = RingLayout::write, .blocks = 8}, segments);
    finish();
    EXPECT_EQ(sent.front().runs.size(), most);
  }
}

TEST_F(IoRingTest, LetsASmallCommandPassALargeOne) {
  push({.blocks = 2000});
  poll();
  const uint32_t small = push({.first = 4000});
  poll();
  const auto first = js.reap();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].slot, small);
  finish();
}

TEST_F(IoRingTest, LeavesRequestsForOthersWhileItSendsALargeCommand) {
  push({.blocks = 2000});
  ring.submit(&queue_pair);
  EXPECT_EQ(ring.in_flight(), depth / 2);
  finish();
}

/** Asymmetric Access Transition. Like the retry delay it has no name in the headers of every release. */
constexpr uint8_t kAccessTransition = 0x03;
constexpr uint8_t kTransientTransportError = 0x22;

TEST_F(IoRingTest, PassesOnTheStatusWithDoNotRetryAndTheRetryDelay) {
  controller.status = [](const FakeCommand& /*command*/) {
    spdk_nvme_status status{};
    status.sct = SPDK_NVME_SCT_PATH;
    status.sc = kAccessTransition;
    status.dnr = 1;
    // The retry delay: two bits above the status code type.
    uint16_t raw = 0;
    std::memcpy(&raw, &status, sizeof(raw));
    raw |= 2U << 12U;
    std::memcpy(&status, &raw, sizeof(raw));
    return status;
  };
  push({});
  EXPECT_EQ(finish()[0].status, 0x2b03U);
}

TEST_F(IoRingTest, PassesOnTheSecondDwordOfARawCommand) {
  controller.second_dword = 0x12345678;
  const uint32_t raw = push({.operation = RingLayout::raw});
  const uint32_t other = push({.first = 7ULL << 32});
  finish();
  EXPECT_EQ(js.command_word(raw, RingLayout::kResultHigh), 0x12345678U);
  EXPECT_EQ(js.command_word(other, RingLayout::kBlockHigh), 7U);
}

TEST_F(IoRingTest, EndsWithTheFirstErrorAndSendsNothingAfterIt) {
  controller.status = [](const FakeCommand& command) {
    spdk_nvme_status status{};
    if (command.lba == 16) status.sc = SPDK_NVME_SC_LBA_OUT_OF_RANGE;
    return status;
  };
  push({.blocks = 1000});
  const auto all = finish();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].status, static_cast<uint32_t>(SPDK_NVME_SC_LBA_OUT_OF_RANGE));
  EXPECT_LE(sent.size(), 4U);
}

TEST_F(IoRingTest, TakesNoMemoryForAnErrorWhenNothingIsInFlight) {
  controller.reject = [] { return -ENOMEM; };
  push({.blocks = 10});
  const auto all = finish();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].status, host_error(ENOMEM));
}

TEST_F(IoRingTest, WaitsForRoomWhileSomethingIsInFlight) {
  controller.reject = [this] { return queue_pair.in_flight.empty() ? 0 : -ENOMEM; };
  push({.blocks = 100});
  push({.first = 100, .blocks = 100});
  for (const auto& one : finish()) EXPECT_EQ(one.status, 0U);
}

TEST_F(IoRingTest, RejectsACommandWithoutBlocks) {
  push({.blocks = 0});
  EXPECT_EQ(finish()[0].status, host_error(EINVAL));
  EXPECT_TRUE(sent.empty());
}

TEST_F(IoRingTest, RejectsACommandForAnotherBlockSize) {
  push({.block_size = 4096});
  EXPECT_EQ(finish()[0].status, host_error(ENODEV));
}

TEST_F(IoRingTest, RejectsACommandWhoseNamespaceSpdkSeesWithAnotherBlockSize) {
  controller.namespaces[1].block_size = 4096;  // the control thread has not published it
  push({});
  EXPECT_EQ(finish()[0].status, host_error(ENODEV));
  EXPECT_TRUE(sent.empty());
}

TEST_F(IoRingTest, FollowsATableThatIsPublishedBetweenPieces) {
  push({.blocks = 1000});
  poll();
  controller.namespaces[1].active = false;
  describe();
  EXPECT_EQ(finish()[0].status, host_error(ENODEV));
  EXPECT_LT(sent.size(), 10U);
}

TEST_F(IoRingTest, RejectsSegmentsThatAreNoMemoryOrNotWholeBlocks) {
  push({.blocks = 2}, {{region, 0, kBlock}, {region, 1 << 20, kBlock}});
  push({.blocks = 2}, {{region, 0, 100}, {region, 100, 924}});
  push({.blocks = 2}, {{region, 0, kBlock}});
  for (const auto& one : finish()) EXPECT_EQ(one.status, host_error(EFAULT));
}

TEST_F(IoRingTest, CompletesACancelledCommandWhenItsPiecesHave) {
  const uint32_t slot = push({.blocks = 1000});
  ring.submit(&queue_pair);
  js.cancel(slot);
  ring.submit(&queue_pair);
  EXPECT_TRUE(js.reap().empty()) << "pieces are in flight";
  const size_t before = sent.size();
  const auto all = finish();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].status, host_error(ECANCELED));
  EXPECT_EQ(sent.size(), before);
}

TEST_F(IoRingTest, CompletesACancelledCommandThatWaitsWithoutWaiting) {
  connect(2);
  controller.completions_of_poll = [](size_t) { return 0; };  // a target that hangs
  push({});
  push({});
  const uint32_t third = push({.first = 9});
  poll();
  js.cancel(third);
  poll();
  const auto all = js.reap();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].status, host_error(ECANCELED));
  controller.completions_of_poll = nullptr;
  finish();
}

TEST_F(IoRingTest, SendsNoRawCommandThatWasCancelledBefore) {
  connect(2);
  controller.completions_of_poll = [](size_t) { return 0; };  // a target that hangs
  const uint32_t first = push({.operation = RingLayout::raw});
  push({.operation = RingLayout::raw});
  const uint32_t third = push({.operation = RingLayout::raw});
  poll();
  const size_t before = sent.size();
  js.cancel(third);
  js.cancel(first);
  poll();
  const auto all = js.reap();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].slot, third);
  EXPECT_EQ(all[0].status, host_error(ECANCELED));
  controller.completions_of_poll = nullptr;
  // One that the controller has ends with its status.
  for (const auto& one : finish()) EXPECT_EQ(one.status, 0U);
  EXPECT_EQ(sent.size(), before);
}

TEST_F(IoRingTest, SendsWhatALostConnectionHadAgainWhileItHolds) {
  ring.set_requeue(true);
  push({.operation = RingLayout::write, .blocks = 1000});
  push({.operation = RingLayout::raw});
  memset(memory->at(region, 0, 1000 * kBlock), 0x5a, 1000 * kBlock);
  poll();
  ring.submit(&queue_pair);
  queue_pair.failed = true;
  queue_pair.abort_all();
  ring.lost_queue_pair();
  connect(4);
  const auto all = finish();
  for (const auto& one : all) EXPECT_EQ(one.status, 0U);
  EXPECT_EQ(controller.namespaces[1].data[999 * kBlock], 0x5a);
  EXPECT_EQ(controller.namespaces[1].data[0], 0x5a);
}

TEST_F(IoRingTest, SendsWhatWasDamagedOnItsWayOnceMoreWhereItRequeues) {
  uint32_t damaged = 1;
  controller.status = [&](const FakeCommand& /*command*/) {
    spdk_nvme_status status{};
    if (damaged > 0) status.sc = kTransientTransportError;
    if (damaged > 0) damaged--;
    return status;
  };
  push({});
  EXPECT_EQ(finish()[0].status, kTransientTransportError);
  ring.set_requeue(true);
  damaged = 1;
  push({});
  EXPECT_EQ(finish()[0].status, 0U);
  damaged = 2;
  push({});
  EXPECT_EQ(finish()[0].status, kTransientTransportError);
  // Two pieces of one command, at the same time.
  damaged = 2;
  push({.blocks = 2 * kMaxBlocks});
  EXPECT_EQ(finish()[0].status, 0U);
}

TEST_F(IoRingTest, AbortsAllWhenTheQueuePairIsLost) {
  push({.blocks = 1000});
  for (uint32_t i = 0; i < 7; i++) push({.first = i});
  ring.submit(&queue_pair);
  queue_pair.failed = true;
  queue_pair.abort_all();
  ring.lost_queue_pair();
  const auto all = js.reap();
  EXPECT_EQ(all.size(), 8U);
  for (const auto& one : all) EXPECT_EQ(one.status, static_cast<uint32_t>(SPDK_NVME_SC_ABORTED_SQ_DELETION));
  EXPECT_FALSE(ring.busy());
}

TEST_F(IoRingTest, SurvivesAConnectionThatIsLostInsideACall) {
  ring.set_requeue(true);
  push({.blocks = 1000});
  push({.first = 1000, .blocks = 1000});
  int calls = 0;
  controller.reject = [this, &calls] {
    if (++calls != 4) return 0;
    queue_pair.failed = true;
    queue_pair.abort_all();
    return -ENXIO;
  };
  poll();
  ring.lost_queue_pair();
  EXPECT_TRUE(js.reap().empty());
  connect(4);
  EXPECT_EQ(finish().size(), 2U);
}

}  // namespace
}  // namespace spdk_nvme
