#include "server/jobs/caretaker.h"

#include <utility>

namespace sliceflow::jobs {
namespace {

constexpr int kPiecesOfALook = 100;

}  // namespace

Caretaker::Caretaker(Jobs& jobs, absl::Duration interval, std::function<void(const absl::Status&)> report)
    : jobs_(jobs), interval_(interval), report_(std::move(report)), thread_([this] { Run(); }) {}

Caretaker::~Caretaker() {
  ending_.Notify();
  thread_.join();
}

void Caretaker::Run() {
  do {
    Look();
  } while (!ending_.WaitForNotificationWithTimeout(interval_));
}

void Caretaker::Look() {
  for (int piece = 0; piece < kPiecesOfALook && !ending_.HasBeenNotified(); ++piece) {
    const absl::StatusOr<bool> more = jobs_.Tidy();
    if (!more.ok()) return report_(more.status());
    if (!*more) return;
  }
}

}  // namespace sliceflow::jobs
