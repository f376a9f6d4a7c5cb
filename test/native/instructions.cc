// Sends commands through a ring to the fake of SPDK and back, for callgrind: scripts/testing/instructions.ts runs it and counts the
// instructions of measured() without those of the fake.
//   instructions DEPTH COMMANDS
#include <chrono>
#include <cstdlib>
#include <memory>
#include <vector>

#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/ring_driver.h"
#include "native/core/io/queue_set.h"

namespace spdk_nvme {
namespace {

constexpr uint32_t kRingSize = 128;
/** NVMe block size times this is what is read. */
constexpr uint32_t kBlocks = 8;

}  // namespace

/** Named for `--toggle-collect`. */
extern "C" [[gnu::noinline]] void measured(RingDriver& js, QueueSet& set) {
  js.publish();
  set.poll();
}

namespace {

int run(uint32_t depth, uint32_t commands) {
  spdk_nvme_ctrlr controller;
  controller.add(1, 512, 4096);
  // The data does not move.
  controller.namespaces.at(1).data.clear();
  controller.status = [](const FakeCommand& /*command*/) {
    spdk_nvme_status status{};
    status.sc = SPDK_NVME_SC_INTERNAL_DEVICE_ERROR;
    return status;
  };
  const auto memory = std::make_shared<DmaMemory>();
  uint32_t region = 0;
  if (!memory->allocate(1 << 20, region)) return EXIT_FAILURE;
  const auto ring = std::make_shared<IoRing>(memory, kRingSize);
  NamespaceTags tags;
  ring->set_namespaces(read_namespace_table(&controller, tags));
  const auto linger = std::make_shared<LingerLock>(1);
  QueueSet set(&controller, linger, 0, std::vector{ring}, std::make_shared<History>(1, "fake"),
               std::make_shared<IoStats>(1));
  {
    const LingerLock::ExclusiveGuard alone(*linger);
    if (!set.connect(kRingSize, std::chrono::steady_clock::now() + std::chrono::seconds(10)))
      return EXIT_FAILURE;
  }
  RingDriver js(*ring, tags.of(1));
  uint32_t completed = 0;
  while (completed < commands) {
    for (uint32_t i = 0; i < depth; i++) js.push({.first = i * kBlocks, .blocks = kBlocks, .region = region});
    measured(js, set);
    completed += js.reap().size();
  }
  const LingerLock::ExclusiveGuard alone(*linger);
  set.free();
  return completed == commands ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace spdk_nvme

int main(int count, char** arguments) {
  if (count != 3) return EXIT_FAILURE;
  return spdk_nvme::run(std::strtoul(arguments[1], nullptr, 10), std::strtoul(arguments[2], nullptr, 10));
}
