#include "server/api/gate/gate.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/ids.h"
#include "common/quoted.h"
#include "server/api/gate/checks.h"
#include "server/api/gate/placement.h"
#include "server/jobs/retention.h"

namespace sliceflow::api {
namespace {

constexpr size_t kMaxDisplayName = 200;
constexpr size_t kMaxRequestId = 128;
constexpr int kMaxLabels = 32;
constexpr size_t kMaxLabel = 63;
constexpr char kSha256Words[] = "must be 64 lower-case hexadecimal digits";

// Characters of valid UTF-8 (protobuf has refused the rest): bytes that do not continue one.
size_t Characters(const std::string& text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

bool IsLabelKey(const std::string& key) {
  if (key.empty() || key.size() > kMaxLabel || !absl::ascii_islower(key[0])) return false;
  for (const char c : key) {
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '_' && c != '-') return false;
  }
  return true;
}

bool IsSha256(const std::string& digits) {
  bool hexadecimal = digits.size() == 64;
  for (const char c : digits) hexadecimal = hexadecimal && (absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'));
  return hexadecimal;
}

// Where valid UTF-8 holds a character that moves a terminal's cursor or turns the direction of what stands around it: the C0 and C1
// controls, DEL, and the overrides and isolates of U+202A to U+202E and U+2066 to U+2069. npos where there is none.
size_t FindControl(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return i;
    const absl::string_view rest = text.substr(i);
    if (rest.size() >= 2 && byte == 0xC2 && static_cast<unsigned char>(rest[1]) < 0xA0) return i;
    if (rest.size() < 3 || byte != 0xE2) continue;
    const auto last = static_cast<unsigned char>(rest[2]);
    if (rest[1] == '\x80' && last >= 0xAA && last <= 0xAE) return i;
    if (rest[1] == '\x81' && last >= 0xA6 && last <= 0xA9) return i;
  }
  return absl::string_view::npos;
}

void CheckText(Findings& findings, const std::string& field, const std::string& text, size_t limit) {
  if (Characters(text) > limit) {
    findings.Invalid(field, absl::StrCat("must have at most ", limit, " characters, has ", Characters(text)));
  }
  if (const size_t control = FindControl(text); control != absl::string_view::npos) {
    findings.Invalid(field, absl::StrCat("must have no control characters and none that turn the direction of text; has one after ",
                                         Characters(text.substr(0, control)), " characters"));
  }
}

void CheckLabels(Findings& findings, const v1::Job& job) {
  if (job.labels_size() > kMaxLabels) findings.Invalid("labels", absl::StrCat("must be at most ", kMaxLabels, ", are ", job.labels_size()));
  for (const auto& [key, value] : job.labels()) {
    if (!IsLabelKey(key)) {
      findings.Invalid("labels", absl::StrCat("keys must match [a-z][a-z0-9_-]{0,62}, one is ", Quoted(key)));
    }
    CheckText(findings, absl::StrCat("labels[", Quoted(key), "]"), value, kMaxLabel);
  }
}

// Points are of the space that the flow runs in, the rows of a data set of the flow's own.
void CheckStart(Context& context, const std::string& path, v1::Distribution& initial) {
  const int dimension = context.dimension;
  if (!initial.has_dataset()) context.dimension = context.state_dimension;
  CheckInitial(context, path, initial);
  context.dimension = dimension;
}

}  // namespace

void CheckSpec(Findings& findings, const std::string& path, v1::FlowSpec& spec, const std::string& owner, jobs::Datasets& datasets,
               const Limits& limits) {
  Context context{findings, datasets, limits, owner};
  if (spec.dimension() < 1) {
    findings.Invalid(absl::StrCat(path, ".dimension"), absl::StrCat("must be at least 1, is ", spec.dimension()));
  } else if (spec.dimension() > limits.max_dimension) {
    findings.BeyondLimit(absl::StrCat(path, ".dimension"), spec.dimension(), limits.max_dimension);
  } else {
    context.dimension = spec.dimension();
    context.state_dimension = spec.dimension();
  }
  // Between codes a latent flow has one.
  context.model_has_density = HasDensity(spec.model()) || spec.model().has_latent_flow();
  context.model_kind = KindOf(spec.model());
  context.entropy_is_noise = TurnsEntropyIntoNoise(spec.solver());
  context.fill_left = limits.max_spec_bytes / static_cast<int64_t>(sizeof(double));
  FillLatentDataset(spec);
  CheckModel(context, absl::StrCat(path, ".model"), *spec.mutable_model());
  CheckStart(context, absl::StrCat(path, ".initial"), *spec.mutable_initial());
  CheckStartOnGrid(context, absl::StrCat(path, ".model.grid"), spec);
  CheckSolver(context, absl::StrCat(path, ".solver"), spec);
  CheckFunctional(context, absl::StrCat(path, ".functional"), spec);
  CheckSchedule(context, absl::StrCat(path, ".schedule"), spec);
  CheckOutput(context, absl::StrCat(path, ".output"), spec);
  CheckBesideLatentFlow(context, path, spec);
}

bool CheckSpecBytes(Findings& findings, const std::string& path, const v1::FlowSpec& spec, const Limits& limits) {
  const auto bytes = static_cast<int64_t>(spec.ByteSizeLong());
  if (bytes <= limits.max_spec_bytes) return true;
  findings.BeyondLimit(path, static_cast<double>(bytes), limits.max_spec_bytes);
  return false;
}

void CheckChosen(Findings& findings, const v1::Job& job, const std::string& request_id) {
  CheckText(findings, "display_name", job.display_name(), kMaxDisplayName);
  CheckText(findings, "request_id", request_id, kMaxRequestId);
  CheckLabels(findings, job);
}

absl::StatusOr<v1::Job> CheckCreateJob(const v1::CreateJobRequest& request, const std::string& owner, jobs::Datasets& datasets,
                                       const Limits& limits, const std::vector<scheduler::DeviceState>& devices) {
  Findings findings;
  if (!CheckSpecBytes(findings, "spec", request.job().spec(), limits)) return findings.ToStatus();
  v1::Job job;
  job.set_display_name(request.job().display_name());
  *job.mutable_labels() = request.job().labels();
  *job.mutable_spec() = request.job().spec();
  job.set_priority(request.job().priority());
  job.set_device(request.job().device());
  if (request.job().has_limits()) *job.mutable_limits() = request.job().limits();

  CheckChosen(findings, job, request.request_id());
  CheckPlacement(findings, job, devices);
  CheckSpec(findings, "spec", *job.mutable_spec(), owner, datasets, limits);
  if (findings.empty()) CheckMemory(findings, job, owner, datasets, devices);
  if (!findings.empty()) return findings.ToStatus();
  job.mutable_progress()->set_total_steps(jobs::StepsOf(job.spec().schedule()));
  return job;
}

absl::Status CheckUploadHeader(const v1::UploadHeader& header) {
  Findings findings;
  if (!header.dataset_id().empty()) {
    const absl::StatusOr<std::string> id = ParseResourceName("datasets", DatasetName(header.dataset_id()), "header.dataset_id");
    if (!id.ok() || !absl::ascii_islower(header.dataset_id()[0])) {
      findings.Invalid("header.dataset_id", absl::StrCat("must match [a-z][a-z0-9-]{0,62}, is ", Quoted(header.dataset_id())));
    }
  }
  CheckText(findings, "header.display_name", header.display_name(), kMaxDisplayName);
  if (header.format().kind() == v1::DatasetFormat::KIND_UNSPECIFIED || !v1::DatasetFormat::Kind_IsValid(header.format().kind())) {
    findings.Invalid("header.format.kind", "must be CSV, NPY or IDX");
  }
  if (header.format().has_scale() && (!std::isfinite(header.format().scale()) || header.format().scale() == 0)) {
    findings.Invalid("header.format.scale", absl::StrCat("must be a finite number other than 0, is ", header.format().scale()));
  }
  if (header.format().max_rows() < 0) {
    findings.Invalid("header.format.max_rows", absl::StrCat("must be at least 0, is ", header.format().max_rows()));
  }
  if (header.size_bytes() < 1) findings.Invalid("header.size_bytes", absl::StrCat("must be above 0, is ", header.size_bytes()));
  if (header.offset() < 0 || header.offset() > header.size_bytes()) {
    findings.Invalid("header.offset", absl::StrCat("must be between 0 and size_bytes, is ", header.offset()));
  }
  if (!IsSha256(header.sha256())) findings.Invalid("header.sha256", kSha256Words);
  return findings.ToStatus();
}

absl::Status CheckSha256(const std::string& field, const std::string& sha256) {
  Findings findings;
  if (!IsSha256(sha256)) findings.Invalid(field, kSha256Words);
  return findings.ToStatus();
}

}  // namespace sliceflow::api
