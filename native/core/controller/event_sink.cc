#include "native/core/controller/event_sink.h"

#include <utility>

namespace spdk_nvme {

namespace {

template <typename... Parameters, typename... Arguments>
void emit(const std::function<void(Parameters...)>& listener, Arguments&&... arguments) {
  if (listener) listener(std::forward<Arguments>(arguments)...);
}

}  // namespace

void EventSink::attached(const Status& status) {
  emit(events()->attached, status);
}

void EventSink::state_changed(ControllerState state) {
  note_state(state);
  emit(events()->state_changed, state);
}

void EventSink::failed(const Status& why) {
  history_->add(HistoryEvent::Kind::failure, why.message, why.code);
  state_changed(ControllerState::failed);
  emit(events()->failed, why);
}

void EventSink::reset(const ResetStep& step) {
  emit(events()->reset, step);
}

void EventSink::namespaces_changed() {
  emit(events()->namespaces_changed);
}

void EventSink::reservations_changed() {
  emit(events()->reservations_changed);
}

void EventSink::log_changed() {
  emit(events()->log_changed);
}

void EventSink::close() {
  // Destroyed after the lock is released: what the functions hold may do anything when it ends.
  auto dropped = std::make_shared<const ControllerEvents>();
  const std::lock_guard<std::mutex> guard(mutex_);
  dropped.swap(events_);
}

std::shared_ptr<const ControllerEvents> EventSink::events() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return events_;
}

}  // namespace spdk_nvme
