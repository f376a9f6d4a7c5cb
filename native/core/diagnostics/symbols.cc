#include "native/core/diagnostics/symbols.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace spdk_nvme {

/** The functions of an ELF file, including those that it does not export, unless it was stripped. */
class SymbolTable {
 public:
  explicit SymbolTable(const char* path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    struct stat status {};
    if (fstat(file, &status) == 0 && status.st_size > static_cast<off_t>(sizeof(Header))) {
      size_ = static_cast<size_t>(status.st_size);
      void* data = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
      if (data != MAP_FAILED) data_ = static_cast<const char*>(data);
    }
    close(file);
    if (data_ != nullptr) read();
  }
  ~SymbolTable() {
    if (data_ != nullptr) munmap(const_cast<char*>(data_), size_);
  }
  SymbolTable(const SymbolTable&) = delete;
  SymbolTable& operator=(const SymbolTable&) = delete;

  /** The function that contains an address of the file; null for none. */
  const char* find(uintptr_t address, uintptr_t& begin) const {
    for (size_t i = 0; i < count_; i++) {
      const Symbol& symbol = symbols_[i];
      if ((symbol.st_info & 0xf) != STT_FUNC || address < symbol.st_value ||
          address >= symbol.st_value + symbol.st_size || symbol.st_name >= names_size_) {
        continue;
      }
      begin = symbol.st_value;
      return names_ + symbol.st_name;
    }
    return nullptr;
  }

 private:
  using Header = ElfW(Ehdr);
  using Section = ElfW(Shdr);
  using Symbol = ElfW(Sym);

  [[nodiscard]] bool inside(uint64_t offset, uint64_t size) const {
    return offset <= size_ && size <= size_ - offset;
  }

  void read() {
    const auto* header = reinterpret_cast<const Header*>(data_);
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_shentsize != sizeof(Section)) return;
    if (!inside(header->e_shoff, uint64_t{header->e_shnum} * sizeof(Section))) return;
    const auto* sections = reinterpret_cast<const Section*>(data_ + header->e_shoff);
    for (int i = 0; i < header->e_shnum; i++) {
      const Section& table = sections[i];
      if (table.sh_type != SHT_SYMTAB || table.sh_link >= header->e_shnum) continue;
      const Section& names = sections[table.sh_link];
      // The last byte ends the last name.
      if (!inside(table.sh_offset, table.sh_size) || !inside(names.sh_offset, names.sh_size)) continue;
      if (names.sh_size == 0 || data_[names.sh_offset + names.sh_size - 1] != '\0') continue;
      symbols_ = reinterpret_cast<const Symbol*>(data_ + table.sh_offset);
      count_ = table.sh_size / sizeof(Symbol);
      names_ = data_ + names.sh_offset;
      names_size_ = names.sh_size;
      return;
    }
  }

  const char* data_ = nullptr;
  size_t size_ = 0;
  const Symbol* symbols_ = nullptr;
  size_t count_ = 0;
  const char* names_ = nullptr;
  size_t names_size_ = 0;
};

namespace {

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                    free);
  return status == 0 ? text.get() : name;
}

std::string hex(uintptr_t number) {
  char text[2 + 2 * sizeof(number) + 1];
  snprintf(text, sizeof(text), "0x%zx", static_cast<size_t>(number));
  return text;
}

}  // namespace

Symbols::Symbols() = default;
Symbols::~Symbols() = default;

std::string Symbols::describe(void* address, bool returns_here) {
  // The return address of a call may already belong to the next function.
  const auto wanted = reinterpret_cast<uintptr_t>(address) - (returns_here ? 1 : 0);
  Dl_info module{};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): one byte before an address
  if (dladdr(reinterpret_cast<void*>(wanted), &module) == 0 || module.dli_fname == nullptr) {
    return hex(reinterpret_cast<uintptr_t>(address));
  }
  const auto base = reinterpret_cast<uintptr_t>(module.dli_fbase);
  auto& table = tables_[module.dli_fname];
  if (!table) table = std::make_unique<SymbolTable>(module.dli_fname);
  uintptr_t begin = 0;
  const char* name = table->find(wanted - base, begin);
  if (name == nullptr && module.dli_sname != nullptr) {
    name = module.dli_sname;
    begin = reinterpret_cast<uintptr_t>(module.dli_saddr) - base;
  }
  const uintptr_t offset = reinterpret_cast<uintptr_t>(address) - base;
  const char* slash = strrchr(module.dli_fname, '/');
  const std::string place = std::string(slash == nullptr ? module.dli_fname : slash + 1) + "+" + hex(offset);
  return name == nullptr ? place : demangled(name) + "+" + hex(offset - begin) + " (" + place + ")";
}

}  // namespace spdk_nvme
