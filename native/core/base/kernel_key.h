#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace spdk_nvme {

/**
 * Reads a key of type `user` by its description, from the keyrings of this thread, its process, its session and its user
 * (request_key(2), keyctl(2)). The caller wipes the result. Thread: any.
 *
 * @param max_bytes the longest content that is wanted
 * @param content empty if the key cannot be read
 * @return 0, or an errno: ENOKEY without such a key, EFBIG for a longer one
 */
int read_kernel_key(const std::string& description, size_t max_bytes, std::vector<uint8_t>& content);

}  // namespace spdk_nvme
