#include "native/binding/convert.h"

namespace spdk_nvme {

namespace {

/** Counters stay below 2^53, the limit of exact doubles, for the lifetime of a process. */
Napi::Value count_to_js(Napi::Env env, uint64_t count) {
  return Napi::Number::New(env, static_cast<double>(count));
}

}  // namespace

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
    object.Set("metadata", info.metadata_size == 0     ? "none"
                           : info.metadata_interleaved ? "interleaved"
                                                       : "separate");
    Napi::Object protection = Napi::Object::New(env);
    protection.Set("type", info.protection_type);
    protection.Set("place", info.protection_type == 0 ? "none" : info.protection_first ? "first" : "last");
    protection.Set("guardBits", info.guard_bits);
    object.Set("protection", protection);
    Napi::Object optimal = Napi::Object::New(env);
    optimal.Set("ioBoundary", info.io_boundary);
    optimal.Set("writeGranularity", info.write_granularity);
    optimal.Set("writeAlignment", info.write_alignment);
    optimal.Set("writeSize", info.write_size);
    optimal.Set("deallocateGranularity", info.deallocate_granularity);
    optimal.Set("deallocateAlignment", info.deallocate_alignment);
    object.Set("optimal", optimal);
    Napi::Object supports = Napi::Object::New(env);
    supports.Set("compare", info.compares);
    supports.Set("writeZeroes", info.writes_zeroes);
    supports.Set("deallocate", info.deallocates);
    supports.Set("verify", info.verifies);
    supports.Set("writeUncorrectable", info.writes_uncorrectable);
    supports.Set("compareAndWrite", info.compare_and_write_blocks > 0);
    supports.Set("copy", info.copy_ranges > 0);
    object.Set("supports", supports);
    Napi::Object copy_limits = Napi::Object::New(env);
    copy_limits.Set("ranges", info.copy_ranges);
    copy_limits.Set("rangeBlocks", info.copy_range_blocks);
    copy_limits.Set("blocks", info.copy_blocks);
    object.Set("copyLimits", copy_limits);
    object.Set("compareAndWriteBlocks", info.compare_and_write_blocks);
    object.Set("uuid", info.uuid);
    object.Set("nguid", info.nguid);
    object.Set("eui64", info.eui64);
    object.Set("tag", info.tag);
    list.Set(index++, object);
  }
  return list;
}

Napi::Value to_js(Napi::Env env, const AttachReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("waitMs", report.wait_ms);
  object.Set("addressMs", report.address_ms);
  object.Set("controllerMs", report.controller_ms);
  object.Set("queuePairsMs", report.queue_pairs_ms);
  object.Set("describeMs", report.describe_ms);
  object.Set("totalMs", report.total_ms);
  return object;
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

Napi::Value to_js(Napi::Env env, const ResetStep& step) {
  Napi::Object object = Napi::Object::New(env);
  const char* const kinds[] = {"begun", "attemptFailed", "failingFast", "done", "failed"};
  object.Set("kind", kinds[static_cast<size_t>(step.kind)]);
  object.Set("number", step.number);
  object.Set("failure", to_js(env, step.status));
  object.Set("attempts", step.attempts);
  object.Set("disconnectMs", step.disconnect_ms);
  object.Set("connectMs", step.connect_ms);
  object.Set("totalMs", step.total_ms);
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

Napi::Value to_js(Napi::Env env, const spdk::MemoryUse& use) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("totalBytes", static_cast<double>(use.total));
  object.Set("usedBytes", static_cast<double>(use.used));
  object.Set("largestFreeBytes", static_cast<double>(use.largest_free));
  return object;
}

Napi::Value to_js(Napi::Env env, const std::vector<PollerStats>& pollers) {
  Napi::Array list = Napi::Array::New(env, pollers.size());
  uint32_t index = 0;
  for (const PollerStats& stats : pollers) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("polls", count_to_js(env, stats.polls));
    object.Set("idlePolls", count_to_js(env, stats.idle_polls));
    object.Set("completions", count_to_js(env, stats.completions));
    object.Set("sleeps", count_to_js(env, stats.sleeps));
    object.Set("controllers", count_to_js(env, stats.controllers));
    list.Set(index++, object);
  }
  return list;
}

Napi::Value to_js(Napi::Env env, const ControllerStats& stats) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("outstanding", count_to_js(env, stats.outstanding));
  object.Set("completed", count_to_js(env, stats.completed));
  object.Set("failed", count_to_js(env, stats.failed));
  object.Set("aborted", count_to_js(env, stats.aborted));
  object.Set("reads", count_to_js(env, stats.reads));
  object.Set("writes", count_to_js(env, stats.writes));
  object.Set("bytesRead", count_to_js(env, stats.bytes_read));
  object.Set("bytesWritten", count_to_js(env, stats.bytes_written));
  Napi::Array latencies = Napi::Array::New(env, stats.latencies.size());
  uint32_t place = 0;
  for (const auto& [end_us, count] : stats.latencies) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("endUs", end_us);
    entry.Set("count", count_to_js(env, count));
    latencies.Set(place++, entry);
  }
  object.Set("latencies", latencies);
  object.Set("polls", count_to_js(env, stats.polls));
  object.Set("idlePolls", count_to_js(env, stats.idle_polls));
  object.Set("lockWaits", count_to_js(env, stats.lock_waits));
  object.Set("lingerLocks", count_to_js(env, stats.linger_locks));
  object.Set("lingerWaits", count_to_js(env, stats.linger_waits));
  Napi::Array transport = Napi::Array::New(env, stats.transport.size());
  uint32_t index = 0;
  for (const auto& [name, values] : stats.transport) {
    Napi::Object counts = Napi::Object::New(env);
    for (const auto& [key, value] : values) counts.Set(key, count_to_js(env, value));
    Napi::Object part = Napi::Object::New(env);
    part.Set("name", name);
    part.Set("counts", counts);
    transport.Set(index++, part);
  }
  object.Set("transport", transport);
  return object;
}

}  // namespace spdk_nvme
