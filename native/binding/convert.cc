#include "convert.h"

namespace spdk_nvme {

Napi::Value to_js(Napi::Env env, const Status& status) {
  if (status.ok()) return env.Null();
  Napi::Object object = Napi::Object::New(env);
  object.Set("code", status.code);
  object.Set("message", status.message);
  if (status.error_number != 0) object.Set("errno", status.error_number);
  if (status.nvme) {
    object.Set("sct", static_cast<uint32_t>(status.nvme->sct));
    object.Set("sc", static_cast<uint32_t>(status.nvme->sc));
    object.Set("dnr", status.nvme->dnr);
  }
  return object;
}

Napi::Value to_js(Napi::Env env, const ControllerInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("model", info.model);
  object.Set("serial", info.serial);
  object.Set("firmware", info.firmware);
  object.Set("subsystemNqn", info.subsystem_nqn);
  object.Set("cntlid", static_cast<uint32_t>(info.cntlid));
  object.Set("vendorId", static_cast<uint32_t>(info.vendor_id));
  object.Set("version", info.version);
  object.Set("maxTransferBytes", info.max_transfer_bytes);
  object.Set("mdts", static_cast<uint32_t>(info.mdts));
  object.Set("maxNamespaces", info.max_namespaces);
  object.Set("ioQueues", info.io_queues);
  object.Set("queueDepth", info.queue_depth);
  return object;
}

Napi::Value to_js(Napi::Env env, const std::vector<NamespaceInfo>& namespaces) {
  Napi::Array list = Napi::Array::New(env, namespaces.size());
  uint32_t index = 0;
  for (const NamespaceInfo& info : namespaces) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("id", info.id);
    object.Set("blocks", static_cast<double>(info.blocks));
    object.Set("blockSize", info.block_size);
    object.Set("metadataSize", info.metadata_size);
    object.Set("nguid", info.nguid);
    object.Set("eui64", info.eui64);
    list.Set(index++, object);
  }
  return list;
}

Napi::Value to_js(Napi::Env env, const DetachReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("drainMs", report.drain_ms);
  object.Set("disconnectMs", report.disconnect_ms);
  object.Set("lingerMs", report.linger_ms);
  object.Set("destroyMs", report.destroy_ms);
  object.Set("totalMs", report.total_ms);
  return object;
}

Napi::Value to_js(Napi::Env env, const LogLine& line) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("level", line.level);
  object.Set("source", line.source);
  object.Set("text", line.text);
  object.Set("controllerId", static_cast<double>(line.controller_id));
  object.Set("controllerName", line.controller_name);
  return object;
}

Napi::Value to_js(Napi::Env env, const std::vector<HistoryEvent>& events) {
  Napi::Array list = Napi::Array::New(env, events.size());
  uint32_t index = 0;
  for (const HistoryEvent& event : events) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("kind", to_string(event.kind));
    object.Set("text", event.text);
    object.Set("code", event.code);
    object.Set("level", event.level);
    object.Set("source", event.source);
    object.Set("wallMs", event.wall_ms);
    object.Set("monotonicMs", event.monotonic_ms);
    list.Set(index++, object);
  }
  return list;
}

}  // namespace spdk_nvme
