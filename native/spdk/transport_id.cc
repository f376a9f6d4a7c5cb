#include "native/spdk/transport_id.h"

namespace spdk_nvme::spdk {

bool parse_transport_id(const std::string& text, spdk_nvme_transport_id& id) {
  return spdk_nvme_transport_id_parse(&id, text.c_str()) == 0;
}

}  // namespace spdk_nvme::spdk
