#include "native/binding/arguments.h"

#include <cmath>

namespace spdk_nvme {

void reject_argument(Napi::Env env, const std::string& message) {
  Napi::TypeError error = Napi::TypeError::New(env, message);
  error.Set("code", Napi::String::New(env, "ERR_SPDK_INVALID_ARG_TYPE"));
  throw error;
}

Arguments::Arguments(const Napi::CallbackInfo& info, size_t index) : env_(info.Env()) {
  if (info.Length() <= index || !info[index].IsObject() || info[index].IsFunction()) {
    reject_argument(env_, "argument " + std::to_string(index) + " must be an object");
  }
  object_ = info[index].As<Napi::Object>();
}

Napi::Value Arguments::property(const char* name) const {
  return object_.Get(name);
}

uint64_t Arguments::number(const char* name, uint64_t min, uint64_t max) const {
  const Napi::Value value = property(name);
  if (!value.IsNumber()) reject_argument(env_, std::string(name) + " must be a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= static_cast<double>(min) && number <= static_cast<double>(max)) ||
      number != std::floor(number)) {
    reject_argument(env_, std::string(name) + " must be a whole number from " + std::to_string(min) + " to " +
                              std::to_string(max));
  }
  return static_cast<uint64_t>(number);
}

std::string Arguments::text(const char* name, size_t max_bytes) const {
  const Napi::Value value = property(name);
  if (!value.IsString()) reject_argument(env_, std::string(name) + " must be a string");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.size() > max_bytes || text.find('\0') != std::string::npos) {
    reject_argument(
        env_, std::string(name) + " must have at most " + std::to_string(max_bytes) + " bytes and no NUL");
  }
  return text;
}

std::vector<uint8_t> Arguments::bytes(const char* name, size_t max_bytes) const {
  const Napi::Value value = property(name);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    reject_argument(env_, std::string(name) + " must be a Uint8Array");
  }
  const auto array = value.As<Napi::Uint8Array>();
  if (array.ByteLength() > max_bytes) {
    reject_argument(env_, std::string(name) + " must have at most " + std::to_string(max_bytes) + " bytes");
  }
  return {array.Data(), array.Data() + array.ByteLength()};
}

Arguments Arguments::object(const char* name) const {
  const Napi::Value value = property(name);
  if (!value.IsObject() || value.IsFunction()) {
    reject_argument(env_, std::string(name) + " must be an object");
  }
  return {env_, value.As<Napi::Object>()};
}

bool Arguments::flag(const char* name) const {
  const Napi::Value value = property(name);
  if (!value.IsBoolean()) reject_argument(env_, std::string(name) + " must be a boolean");
  return value.As<Napi::Boolean>().Value();
}

Napi::Function Arguments::function(const char* name) const {
  const Napi::Value value = property(name);
  if (!value.IsFunction()) reject_argument(env_, std::string(name) + " must be a function");
  return value.As<Napi::Function>();
}

}  // namespace spdk_nvme
