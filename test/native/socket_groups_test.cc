// A group of sockets that SPDK could not make as a whole is none.

#include "native/spdk/interpose/socket_groups.h"

#include <gtest/gtest.h>

namespace spdk_nvme::spdk {
namespace {

auto* const kGroup = reinterpret_cast<spdk_sock_group*>(8);

TEST(SocketGroups, AreClosedWhereADescriptorWasMissing) {
  int closed = 0;
  const auto close = [&](spdk_sock_group** group) {
    EXPECT_EQ(*group, kGroup);
    closed++;
  };
  const auto create_without_descriptor = [] {
    failed_epolls++;
    return kGroup;
  };
  EXPECT_EQ(make_whole_group(create_without_descriptor, close), nullptr);
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(make_whole_group([] { return kGroup; }, close), kGroup);
  EXPECT_EQ(closed, 1);
}

}  // namespace
}  // namespace spdk_nvme::spdk
