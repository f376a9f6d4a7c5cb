// What a lost target has not received never reaches it after the connection was closed.

#include "native/spdk/interpose/unsent_data.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace spdk_nvme::spdk {
namespace {

/** A connection to a program that has read nothing yet. */
class UnsentData : public testing::Test {
 protected:
  void SetUp() override {
    const int listening = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(bind(listening, any, size), 0);
    ASSERT_EQ(listen(listening, 1), 0);
    ASSERT_EQ(getsockname(listening, any, &size), 0);
    near_ = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(connect(near_, any, size), 0);
    far_ = accept(listening, nullptr, nullptr);
    ASSERT_GE(far_, 0);
    close(listening);
  }
  void TearDown() override { close(far_); }

  /** Sends until the far end's memory is full, and the near one's. Returns the number of bytes. */
  [[nodiscard]] size_t fill() const {
    const std::vector<char> data(1 << 16);
    size_t bytes = 0;
    for (ssize_t sent = 0; sent >= 0; sent = send(near_, data.data(), data.size(), MSG_DONTWAIT))
      bytes += sent;
    return bytes;
  }

  /** What arrives, and the error that ends it. */
  [[nodiscard]] std::pair<size_t, int> receive() const {
    std::vector<char> data(1 << 16);
    size_t bytes = 0;
    ssize_t result = 0;
    while ((result = recv(far_, data.data(), data.size(), 0)) > 0) bytes += result;
    return {bytes, result < 0 ? errno : 0};
  }

  int near_ = -1;
  int far_ = -1;
};

TEST_F(UnsentData, IsDropped) {
  const size_t sent = fill();
  drop_unsent_at_close(near_);
  close(near_);
  const auto [received, error] = receive();
  EXPECT_LT(received, sent);
  EXPECT_EQ(error, ECONNRESET);
}

TEST_F(UnsentData, IsDroppedAfterAShutdown) {
  const size_t sent = fill();
  shutdown(near_, SHUT_RDWR);
  drop_unsent_at_close(near_);
  close(near_);
  EXPECT_LT(receive().first, sent);
}

TEST_F(UnsentData, AConnectionWithoutAnyEndsInOrder) {
  drop_unsent_at_close(near_);
  close(near_);
  EXPECT_EQ(receive(), std::make_pair(size_t{0}, 0));
}

}  // namespace
}  // namespace spdk_nvme::spdk
