#include "server/api/list_jobs.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/errors.h"
#include "common/quoted.h"
#include "server/api/gate/placement.h"

namespace sliceflow::api {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kLargestPage = 1000;
constexpr size_t kMaxFilter = 2000;
constexpr int kMaxRestrictions = 32;
constexpr size_t kShown = 40;  // bytes of what is wrong

absl::Status Invalid(const std::string& field, const std::string& description) {
  FieldViolations violations;
  violations.Add(field, description);
  return violations.ToStatus();
}

bool IsName(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-'; }

// One restriction such as `state = RUNNING`.
struct Restriction {
  std::string field;
  std::string comparison;
  std::string value;
};

// Reads a filter from left to right.
class FilterReader {
 public:
  explicit FilterReader(absl::string_view filter) : rest_(filter) {}

  bool AtEnd() {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    return rest_.empty();
  }
  // What comes next, for people: its beginning, in quotes.
  std::string Rest() {
    if (AtEnd()) return "nothing more";
    return Quoted(rest_, kShown);
  }
  std::string Word() { return Take(IsName); }
  std::string Comparison() {
    return Take([](char c) { return c == '=' || c == '!' || c == '<' || c == '>' || c == ':'; });
  }
  absl::StatusOr<std::string> Value() {
    if (AtEnd()) return Invalid("filter", "ends where a value is expected");
    if (rest_[0] != '"') return Word();
    std::string value;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return value;
      }
      if (rest_[i] == '\\' && i + 1 < rest_.size()) ++i;
      value.push_back(rest_[i]);
    }
    return Invalid("filter", "has a quote that is not closed");
  }

 private:
  template <typename Predicate>
  std::string Take(Predicate belongs) {
    if (AtEnd()) return "";
    size_t size = 0;
    while (size < rest_.size() && belongs(rest_[size])) ++size;
    std::string taken(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return taken;
  }

  absl::string_view rest_;
};

absl::StatusOr<std::vector<Restriction>> ReadFilter(const std::string& filter) {
  if (filter.size() > kMaxFilter) return Invalid("filter", absl::StrCat("must have at most ", kMaxFilter, " characters"));
  FilterReader reader(filter);
  std::vector<Restriction> restrictions;
  while (!reader.AtEnd()) {
    if (!restrictions.empty()) {
      const std::string rest = reader.Rest();
      if (reader.Word() != "AND") return Invalid("filter", absl::StrCat("restrictions must be joined by AND, not by ", rest));
    }
    const std::string rest = reader.Rest();
    Restriction restriction{.field = reader.Word(), .comparison = reader.Comparison()};
    if (restriction.field.empty() || restriction.comparison.empty()) {
      return Invalid("filter", absl::StrCat("must be made of restrictions such as state = RUNNING, joined by AND; there is ", rest));
    }
    absl::StatusOr<std::string> value = reader.Value();
    if (!value.ok()) return value.status();
    restriction.value = *std::move(value);
    restrictions.push_back(std::move(restriction));
    if (restrictions.size() > kMaxRestrictions)
      return Invalid("filter", absl::StrCat("must have at most ", kMaxRestrictions, " restrictions"));
  }
  return restrictions;
}

absl::Status AddState(const Restriction& restriction, store::JobQuery& query) {
  v1::Job::State state;
  if (!v1::Job::State_Parse(restriction.value, &state) || state == v1::Job::STATE_UNSPECIFIED) {
    return Invalid("filter", absl::StrCat("state must be QUEUED, RUNNING, PAUSED, SUCCEEDED, FAILED or CANCELLED, is ", restriction.value));
  }
  if (restriction.comparison == "!=") {
    query.excluded_states.push_back(state);
    return absl::OkStatus();
  }
  if (restriction.comparison != "=")
    return Invalid("filter", absl::StrCat("state is compared by = or !=, not by ", restriction.comparison));
  if (!query.states.empty()) return Invalid("filter", "a job has one state: only one state = … is accepted");
  query.states.push_back(state);
  return absl::OkStatus();
}

absl::Status AddTime(const Restriction& restriction, store::JobQuery& query) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, restriction.value, &time, &error)) {
    return Invalid("filter", absl::StrCat("create_time must be such as \"2030-01-31T00:00:00Z\", is ", restriction.value));
  }
  if (restriction.comparison == ">=") {
    query.created_from_us = absl::ToUnixMicros(time);
  } else if (restriction.comparison == "<") {
    query.created_until_us = absl::ToUnixMicros(time);
  } else {
    return Invalid("filter", absl::StrCat("create_time is compared by >= or <, not by ", restriction.comparison));
  }
  return absl::OkStatus();
}

absl::Status AddPriority(const Restriction& restriction, store::JobQuery& query) {
  int priority = 0;
  if (!absl::SimpleAtoi(restriction.value, &priority)) {
    return Invalid("filter", absl::StrCat("priority must be a whole number, is ", restriction.value));
  }
  const bool from = restriction.comparison == ">=" || restriction.comparison == "=";
  const bool to = restriction.comparison == "<=" || restriction.comparison == "=";
  if (!from && !to) return Invalid("filter", absl::StrCat("priority is compared by =, >= or <=, not by ", restriction.comparison));
  if (from) query.lowest_priority = priority;
  if (to) query.highest_priority = priority;
  return absl::OkStatus();
}

absl::Status Add(const Restriction& restriction, store::JobQuery& query) {
  if (restriction.field == "state") return AddState(restriction, query);
  if (restriction.field == "create_time") return AddTime(restriction, query);
  if (restriction.field == "priority") return AddPriority(restriction, query);
  const bool equal = restriction.comparison == "=";
  if (restriction.field == "owner" && equal) {
    query.owner = restriction.value;
    return absl::OkStatus();
  }
  if (restriction.field == "device" && equal) {
    if (!IsDevice(restriction.value)) {
      return Invalid("filter", absl::StrCat("device must be ", kDeviceForms, ", is ", Quoted(restriction.value)));
    }
    query.device = restriction.value;
    return absl::OkStatus();
  }
  if (restriction.field == "display_name" && equal) {
    query.display_name = restriction.value;
    return absl::OkStatus();
  }
  absl::string_view key = restriction.field;
  if (absl::ConsumePrefix(&key, "labels.") && !key.empty() && equal) {
    query.labels.push_back({std::string(key), restriction.value});
    return absl::OkStatus();
  }
  return Invalid("filter", absl::StrCat("cannot compare ", restriction.field, " by ", restriction.comparison,
                                        "; fields are state, display_name, labels.KEY, owner, device, priority and create_time"));
}

// FNV-1a: only tells tokens of other queries apart, it protects nothing.
uint64_t Fingerprint(const v1::ListJobsRequest& request) {
  uint64_t hash = 14695981039346656037u;
  for (const unsigned char c : absl::StrCat(request.filter(), "\n", request.order_by(), "\n", request.show_deleted()))
    hash = (hash ^ c) * 1099511628211u;
  return hash;
}

}  // namespace

absl::StatusOr<int> PageSize(int requested) {
  if (requested < 0) return Invalid("page_size", absl::StrCat("must be at least 0, is ", requested));
  return requested == 0 ? kDefaultPage : std::min(requested, kLargestPage);
}

absl::StatusOr<store::JobQuery> ToQuery(const v1::ListJobsRequest& request) {
  store::JobQuery query;
  const absl::StatusOr<int> size = PageSize(request.page_size());
  if (!size.ok()) return size.status();
  query.limit = *size;
  query.with_deleted = request.show_deleted();
  if (request.order_by() == "create_time") {
    query.ascending = true;
  } else if (!request.order_by().empty() && request.order_by() != "create_time desc") {
    return Invalid("order_by", absl::StrCat("must be \"create_time desc\" or \"create_time\", is ", request.order_by()));
  }
  const absl::StatusOr<std::vector<Restriction>> restrictions = ReadFilter(request.filter());
  if (!restrictions.ok()) return restrictions.status();
  for (const Restriction& restriction : *restrictions) {
    if (absl::Status status = Add(restriction, query); !status.ok()) return status;
  }
  if (request.page_token().empty()) return query;
  std::string token;
  int64_t number = 0;
  const std::string prefix = absl::StrCat(absl::Hex(Fingerprint(request)), ":");
  const bool valid = absl::WebSafeBase64Unescape(request.page_token(), &token) && absl::StartsWith(token, prefix) &&
                     absl::SimpleAtoi(absl::StripPrefix(token, prefix), &number);
  if (!valid)
    return Invalid("page_token", absl::StrCat("is not the next_page_token of a page with this filter and order_by; it is ",
                                              Quoted(request.page_token(), kShown)));
  query.after_number = number;
  return query;
}

std::string PageToken(const v1::ListJobsRequest& request, int64_t number) {
  return absl::WebSafeBase64Escape(absl::StrCat(absl::Hex(Fingerprint(request)), ":", number));
}

}  // namespace sliceflow::api
