#include "native/spdk/distinct_id.h"

#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace spdk_nvme::spdk {

namespace {

spdk_nvme_transport_id id_of(const std::string& port, const std::string& name = "a") {
  spdk_nvme_transport_id id{};
  const std::string text =
      "trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:" + port + " subnqn:nqn.2026-11.dev:" + name;
  EXPECT_EQ(spdk_nvme_transport_id_parse(&id, text.c_str()), 0);
  return id;
}

/** As SPDK has the C library read a port. */
int port_of(const DistinctId& id) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  EXPECT_EQ(getaddrinfo(id.get().traddr, id.get().trsvcid, &hints, &found), 0);
  const int port = ntohs(reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_port);
  freeaddrinfo(found);
  EXPECT_EQ(std::strtol(id.get().trsvcid, nullptr, 10), port);
  return port;
}

TEST(DistinctId, IsTheIdItselfWhileThatIsFree) {
  const DistinctId first(id_of("4420"));
  const DistinctId other_port(id_of("4421"));
  const DistinctId other_name(id_of("4420", "b"));
  for (const DistinctId* id : {&first, &other_name}) EXPECT_STREQ(id->get().trsvcid, "4420");
  EXPECT_STREQ(other_port.get().trsvcid, "4421");
}

TEST(DistinctId, IsAnotherToSpdkAndTheSamePortToTheNetwork) {
  for (const std::string& port : std::vector<std::string>{"1", "4420", "65535"}) {
    std::vector<std::unique_ptr<DistinctId>> ids;
    for (;;) {
      auto id = std::make_unique<DistinctId>(id_of(port));
      if (!id->granted()) break;
      for (const auto& other : ids) EXPECT_NE(spdk_nvme_transport_id_compare(&other->get(), &id->get()), 0);
      EXPECT_EQ(port_of(*id), std::stoi(port));
      ids.push_back(std::move(id));
    }
    EXPECT_EQ(ids.size(), 33 - port.size());
    // What is released is given out again, and nothing else.
    ids.erase(ids.begin() + 3);
    const DistinctId again(id_of(port));
    EXPECT_TRUE(again.granted());
    EXPECT_EQ(std::string(again.get().trsvcid), "000" + port);
    EXPECT_FALSE(DistinctId(id_of(port)).granted());
  }
}

TEST(DistinctId, IsDistinctWhicheverThreadAsks) {
  std::vector<std::unique_ptr<DistinctId>> ids(8);
  std::vector<std::thread> threads;
  for (auto& id : ids) {
    threads.emplace_back([&id] {
      for (int i = 0; i < 1000; i++) id = std::make_unique<DistinctId>(id_of("4420"));
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& one : ids) {
    for (const auto& other : ids) {
      EXPECT_EQ(spdk_nvme_transport_id_compare(&one->get(), &other->get()) == 0, one == other);
    }
  }
}

}  // namespace

}  // namespace spdk_nvme::spdk
