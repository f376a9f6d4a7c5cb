#pragma once

#include <map>
#include <memory>
#include <string>

namespace spdk_nvme {

class SymbolTable;

/** Names the functions at addresses of this process. Reads each file that has one of them once. */
class Symbols {
 public:
  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  /**
   * Describes an address as `function+0x12 (library.so+0x3456)`; the part in brackets is input for addr2line.
   * @param returns_here the address is that after a call, which may already belong to the next function
   */
  std::string describe(void* address, bool returns_here);

 private:
  std::map<std::string, std::unique_ptr<SymbolTable>> tables_;
};

}  // namespace spdk_nvme
