#include "server/api/audit_log.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"

namespace sliceflow::api {
namespace {

// Of a resource's name: what a client makes up is not worth more.
constexpr size_t kLongestText = 200;
constexpr absl::Duration kRetry = absl::Seconds(1);
// Lines that come within it are synced together, beside the commits of the store.
constexpr absl::Duration kGather = absl::Milliseconds(100);

// Valid UTF-8 comes in (protobuf and gRPC saw to that) except where a text is cut: there what is not ASCII is left out.
std::string JsonText(absl::string_view text) {
  std::string out = "\"";
  const bool cut = text.size() > kLongestText;
  for (const char c : text.substr(0, kLongestText)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      absl::StrAppendFormat(&out, "\\u%04x", byte);
    } else if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", absl::string_view(&c, 1));
    } else if (byte < 0x80 || !cut) {
      out.push_back(c);
    }
  }
  return absl::StrCat(out, "\"");
}

std::string Line(absl::Time time, std::initializer_list<std::pair<const char*, const std::string&>> fields) {
  std::string line = absl::StrCat("{\"time\":\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone()), "\"");
  for (const auto& [name, value] : fields) {
    if (!value.empty()) absl::StrAppend(&line, ",\"", name, "\":", JsonText(value));
  }
  return absl::StrCat(line, "}\n");
}

}  // namespace

AuditLog::AuditLog(FileSystem& files, std::string path, AuditOptions options, std::function<void(const absl::Status&)> on_error)
    : files_(files), path_(std::move(path)), options_(options), on_error_(std::move(on_error)), writer_([this] { Run(); }) {}

AuditLog::~AuditLog() {
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
    ended_.SignalAll();
  }
  writer_.join();
}

void AuditLog::Write(const AuditEntry& entry) {
  std::string line = Line(entry.time, {{"owner", entry.owner},
                                       {"token", entry.token_id},
                                       {"role", entry.role},
                                       {"peer", entry.peer},
                                       {"method", entry.method},
                                       {"resource", entry.resource},
                                       {"request_id", entry.request_id},
                                       {"code", entry.code},
                                       {"reason", entry.reason}});
  const absl::MutexLock lock(&mutex_);
  if (waiting_.size() < kMostWaiting) {
    waiting_.push_back(std::move(line));
  } else {
    ++lost_;
  }
}

void AuditLog::Run() {
  const auto something = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return ending_ || !waiting_.empty(); };
  const auto ending = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return ending_; };
  std::vector<std::string> lines;
  absl::Status last;
  while (true) {
    bool is_last = false;
    {
      const absl::MutexLock lock(&mutex_);
      if (lines.empty()) {
        mutex_.Await(absl::Condition(&something));
        ended_.AwaitWithTimeout(mutex_, ending, kGather);
      } else {
        ended_.AwaitWithTimeout(mutex_, ending, kRetry);
      }
      if (lines.empty() || ending_) {
        std::move(waiting_.begin(), waiting_.end(), std::back_inserter(lines));
        waiting_.clear();
        if (lost_ > 0) lines.push_back(Line(absl::Now(), {{"lost", absl::StrCat(lost_)}}));
        lost_ = 0;
      }
      is_last = ending_;
    }
    const absl::Status status = Append(lines);
    if (status.ok()) lines.clear();
    if (status.code() != last.code() && on_error_) on_error_(status);
    last = status;
    if (is_last) return;
  }
}

absl::Status AuditLog::Append(const std::vector<std::string>& lines) {
  if (lines.empty()) return absl::OkStatus();
  const absl::StatusOr<int64_t> size = files_.FileSize(path_);
  if (!size.ok() && !absl::IsNotFound(size.status())) return size.status();
  // Shorter where somebody has taken the file away or cut it, longer after a write that failed half way.
  const int64_t found = size.ok() ? *size : 0;
  size_ = size_ < 0 ? found : std::min(size_, found);
  const std::string text = absl::StrJoin(lines, "");
  if (size_ > 0 && size_ + static_cast<int64_t>(text.size()) > options_.max_file_bytes) {
    if (absl::Status status = Rotate(); !status.ok()) return status;
  }
  absl::Status status = files_.WriteAt(path_, size_, text);
  if (status.ok()) size_ += static_cast<int64_t>(text.size());
  return status;
}

absl::Status AuditLog::Rotate() {
  const size_t slash = path_.rfind('/');
  const std::string folder = path_.substr(0, slash);
  const std::string prefix = absl::StrCat(path_.substr(slash + 1), ".");
  const absl::StatusOr<std::vector<std::string>> names = files_.List(folder);
  if (!names.ok()) return names.status();
  std::set<int> numbers;
  for (absl::string_view name : *names) {
    if (int number = 0; absl::ConsumePrefix(&name, prefix) && absl::SimpleAtoi(name, &number)) numbers.insert(number);
  }
  const absl::StatusOr<std::string> bytes = files_.ReadFile(path_);
  if (!bytes.ok()) return bytes.status();
  const int next = numbers.empty() ? 1 : *numbers.rbegin() + 1;
  if (absl::Status status = files_.WriteFileDurably(absl::StrCat(path_, ".", next), *bytes); !status.ok()) return status;
  numbers.insert(next);
  // A crash here leaves some lines twice, and none lost: FILE is cut by the write that follows.
  size_ = 0;
  while (static_cast<int>(numbers.size()) >= options_.max_files) {
    files_.Remove(absl::StrCat(path_, ".", *numbers.begin())).IgnoreError();
    numbers.erase(numbers.begin());
  }
  return absl::OkStatus();
}

}  // namespace sliceflow::api
