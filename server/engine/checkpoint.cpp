#include "server/engine/checkpoint.h"

#include <zlib.h>

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/engine/byte_coding.h"

namespace sliceflow::engine {
namespace {

constexpr absl::string_view kMagic("SLFLOWCP", 8);
constexpr uint32_t kVersion = 4;
constexpr uint8_t kNoInequality = 2;
constexpr size_t kChecksumSize = sizeof(uint32_t);

uint32_t Checksum(absl::string_view bytes) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void PutReport(ByteWriter& out, const StepReport& report) {
  out.Put(static_cast<int32_t>(report.step));
  out.Put(report.sliced_time);
  out.Put(report.wasserstein_time);
  out.Put(report.energy);
  out.Put(report.energy_standard_error);
  out.PutVector(report.term_energies);
  out.Put(report.distance_squared);
  out.Put(report.distance_standard_error);
  const EnergyInequality inequality = report.energy_inequality.value_or(EnergyInequality{});
  out.Put(inequality.slack);
  out.Put(inequality.standard_error);
  out.Put(static_cast<uint8_t>(!report.energy_inequality.has_value() ? kNoInequality : inequality.holds ? 1 : 0));
  out.Put(static_cast<int32_t>(report.inner_iterations));
  out.Put(report.gradient_norm);
  out.Put(static_cast<uint8_t>(report.converged));
  out.Put(static_cast<uint32_t>(report.metrics.size()));
  for (const Metric& metric : report.metrics) {
    out.PutString(metric.name);
    out.Put(metric.value);
    out.Put(metric.standard_error);
  }
}

StepReport GetReport(ByteReader& in) {
  StepReport report;
  report.step = in.Get<int32_t>();
  report.sliced_time = in.Get<double>();
  report.wasserstein_time = in.Get<double>();
  report.energy = in.Get<double>();
  report.energy_standard_error = in.Get<double>();
  report.term_energies = in.GetVector<double>();
  report.distance_squared = in.Get<double>();
  report.distance_standard_error = in.Get<double>();
  EnergyInequality inequality{.slack = in.Get<double>(), .standard_error = in.Get<double>()};
  const auto holds = in.Get<uint8_t>();
  inequality.holds = holds == 1;
  if (holds != kNoInequality) report.energy_inequality = inequality;
  report.inner_iterations = in.Get<int32_t>();
  report.gradient_norm = in.Get<double>();
  report.converged = in.Get<uint8_t>() != 0;
  const auto metrics = in.Get<uint32_t>();
  for (uint32_t i = 0; i < metrics && in.ok(); ++i) {
    Metric metric;
    metric.name = in.GetString();
    metric.value = in.Get<double>();
    metric.standard_error = in.Get<double>();
    report.metrics.push_back(std::move(metric));
  }
  return report;
}

}  // namespace

std::string EncodeCheckpoint(uint64_t fingerprint, const CheckpointState& state) {
  ByteWriter out;
  out.bytes().append(kMagic.data(), kMagic.size());
  out.Put(kVersion);
  out.Put(fingerprint);
  PutReport(out, state.report);
  out.Put(state.ground.seed);
  out.Put(state.ground.sliced_step_size);
  out.PutVector(state.parameters);
  out.PutVector(state.memory);
  out.Put(static_cast<uint32_t>(state.parts.size()));
  for (const std::string& part : state.parts) out.PutBytes(part);
  out.Put(Checksum(out.bytes()));
  return std::move(out.bytes());
}

absl::StatusOr<CheckpointState> DecodeCheckpoint(uint64_t fingerprint, absl::string_view bytes) {
  constexpr size_t kLeast = 8 + sizeof(kVersion) + sizeof(fingerprint) + kChecksumSize;
  if (bytes.size() < kLeast) return absl::DataLossError(absl::StrCat("checkpoint of ", bytes.size(), " bytes is cut short"));
  const absl::string_view body = bytes.substr(0, bytes.size() - kChecksumSize);
  ByteReader tail(bytes.substr(body.size()));
  if (body.substr(0, kMagic.size()) != kMagic) return absl::DataLossError("checkpoint does not begin with SLFLOWCP");
  if (tail.Get<uint32_t>() != Checksum(body)) return absl::DataLossError("checkpoint does not match its checksum");
  ByteReader in(body.substr(kMagic.size()));
  const auto version = in.Get<uint32_t>();
  if (version != kVersion) {
    return absl::FailedPreconditionError(absl::StrCat("checkpoint has format ", version, "; this version reads ", kVersion));
  }
  if (in.Get<uint64_t>() != fingerprint) return absl::FailedPreconditionError("checkpoint belongs to another specification");
  CheckpointState state;
  state.report = GetReport(in);
  state.ground = {.seed = in.Get<uint64_t>(), .sliced_step_size = in.Get<double>()};
  state.parameters = in.GetVector<float>();
  state.memory = in.GetVector<float>();
  const auto parts = in.Get<uint32_t>();
  for (uint32_t i = 0; i < parts && in.ok(); ++i) state.parts.push_back(in.GetBytes());
  if (!in.ok() || !in.at_end()) return absl::DataLossError("checkpoint's fields do not fit its length");
  return state;
}

}  // namespace sliceflow::engine
