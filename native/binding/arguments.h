#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

namespace spdk_nvme {

/** Throws a JavaScript TypeError with a code of the catalogue. lib/ checks first; this is the second check. */
[[noreturn]] void reject_argument(Napi::Env env, const std::string& message);

/** Reads the properties of an object that lib/ has completed and checked. */
class Arguments {
 public:
  Arguments(const Napi::CallbackInfo& info, size_t index);

  /** Reads an integer within bounds. */
  [[nodiscard]] uint64_t number(const char* name, uint64_t min, uint64_t max) const;
  /** Reads a string of at most this many bytes in UTF-8, without NUL. */
  [[nodiscard]] std::string text(const char* name, size_t max_bytes) const;
  /** Reads a copy of a Uint8Array of at most this many bytes. */
  [[nodiscard]] std::vector<uint8_t> bytes(const char* name, size_t max_bytes) const;
  /** Returns the properties of a nested object. */
  [[nodiscard]] Arguments object(const char* name) const;
  [[nodiscard]] bool flag(const char* name) const;
  [[nodiscard]] Napi::Function function(const char* name) const;

 private:
  Arguments(Napi::Env env, Napi::Object object) : env_(env), object_(object) {}

  [[nodiscard]] Napi::Value property(const char* name) const;

  Napi::Env env_;
  Napi::Object object_;
};

}  // namespace spdk_nvme
