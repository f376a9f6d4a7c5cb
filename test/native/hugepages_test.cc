// What /proc/meminfo says of hugepages.

#include "native/core/process/hugepages.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace spdk_nvme {
namespace {

Hugepages read(const std::string& counts, size_t overcommit_pages = 0) {
  std::istringstream meminfo("MemTotal:        8000000 kB\n" + counts + "Hugepagesize:       2048 kB\n");
  return hugepages_in(meminfo, overcommit_pages);
}

TEST(Hugepages, AreFreeUnlessAnotherProcessHasReservedThem) {
  const Hugepages pages =
      read("HugePages_Total:     100\nHugePages_Free:       60\nHugePages_Rsvd:       45\n");
  EXPECT_EQ(pages.page_bytes, 2U << 20);
  EXPECT_EQ(pages.total_bytes, 200U << 20);
  EXPECT_EQ(pages.free_bytes, 30U << 20);
  // Counted at different moments.
  EXPECT_EQ(read("HugePages_Free:        2\nHugePages_Rsvd:        3\n").free_bytes, 0U);
  EXPECT_EQ(read("").free_bytes, 0U);
}

TEST(Hugepages, AreAddedByTheKernelWhereNoneIsFree) {
  EXPECT_EQ(read("HugePages_Total:       0\nHugePages_Free:        0\n", 64).addable_bytes, 128U << 20);
  EXPECT_EQ(read("HugePages_Total:      10\nHugePages_Free:        0\nHugePages_Surp:       10\n", 64)
                .addable_bytes,
            108U << 20);
  EXPECT_EQ(read("HugePages_Total:       1\nHugePages_Free:        1\n", 64).addable_bytes, 0U);
  EXPECT_EQ(read("HugePages_Free:        0\nHugePages_Surp:        2\n", 1).addable_bytes, 0U);
}

}  // namespace
}  // namespace spdk_nvme
