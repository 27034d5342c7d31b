#include "common/line_writer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sliceflow {

LineWriter::LineWriter(int descriptor, std::function<std::string(int64_t)> describe)
    : descriptor_(descriptor), describe_(std::move(describe)) {}

LineWriter::~LineWriter() {
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void LineWriter::Write(std::string line) {
  const absl::MutexLock lock(&mutex_);
  if (!has_thread_) {
    (void)WriteNow(std::move(line));
  } else if (dropped_ > 0 || waiting_bytes_ + line.size() > kMostWaitingBytes) {
    ++dropped_;  // also a short one that has room: those that wait stay without a gap, and the count is told behind them
  } else {
    waiting_bytes_ += line.size();
    waiting_.push_back(std::move(line));
  }
}

void LineWriter::StartThread() {
  const absl::MutexLock lock(&mutex_);
  has_thread_ = true;
  thread_ = std::thread([this] { Run(); });
}

bool LineWriter::Flush(absl::Duration most) {
  const auto is_written = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return waiting_.empty() && dropped_ == 0 && !writing_; };
  const absl::MutexLock lock(&mutex_);
  return written_.AwaitWithTimeout(mutex_, is_written, most);
}

void LineWriter::Run() {
  const auto is_due = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return ending_ || !waiting_.empty() || dropped_ > 0; };
  int64_t refused = 0;
  while (true) {
    std::vector<std::string> lines;
    int64_t dropped = 0;
    {
      const absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (waiting_.empty() && dropped_ == 0) written_.SignalAll();
      mutex_.Await(absl::Condition(&is_due));
      if (waiting_.empty() && dropped_ == 0) return;
      lines = std::exchange(waiting_, {});
      dropped = std::exchange(dropped_, 0);
      waiting_bytes_ = 0;
      writing_ = true;
    }
    for (std::string& line : lines) {
      if (refused > 0 && WriteNow(describe_(refused))) refused = 0;
      if (!WriteNow(std::move(line))) ++refused;
    }
    refused += dropped;
    if (refused > 0 && WriteNow(describe_(refused))) refused = 0;
  }
}

bool LineWriter::WriteNow(std::string line) const {
  line.push_back('\n');
  absl::string_view left = line;
  while (!left.empty()) {
    const ssize_t count = write(descriptor_, left.data(), left.size());
    if (count >= 0) {
      left.remove_prefix(static_cast<size_t>(count));
    } else if (errno == EAGAIN) {  // who started this has it not block
      pollfd file{descriptor_, POLLOUT, 0};
      (void)poll(&file, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace sliceflow
