#pragma once

#include <pthread.h>

#include <string>

namespace spdk_nvme {

/** Names the calling thread for debuggers, top and /proc; Linux keeps 15 characters. */
inline void name_this_thread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace spdk_nvme
