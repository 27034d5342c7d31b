// Checkpoints: bytes as they are, and once more with a checksum that fits, so that what lies behind it is reached.
#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "server/engine/checkpoint.h"
#include "tests/fuzz/require.h"

namespace sliceflow::fuzz {
namespace {

constexpr uint64_t kFingerprint = 0x0123456789abcdef;
constexpr size_t kFingerprintAt = 12;  // after magic and version: docs/checkpoint_format.md

void Decode(const std::string& bytes) {
  const absl::StatusOr<engine::CheckpointState> state = engine::DecodeCheckpoint(kFingerprint, bytes);
  if (!state.ok()) {
    return Require(absl::IsDataLoss(state.status()) || absl::IsFailedPrecondition(state.status()), "a refusal has one of two codes");
  }
  Require(state->parameters.size() * sizeof(float) <= bytes.size(), "no more parameters than bytes");
  Require(engine::DecodeCheckpoint(kFingerprint, engine::EncodeCheckpoint(kFingerprint, *state)).ok(), "what was read can be written");
}

}  // namespace
}  // namespace sliceflow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  sliceflow::fuzz::Decode(bytes);
  if (size < sliceflow::fuzz::kFingerprintAt + sizeof(uint64_t)) return 0;
  std::memcpy(bytes.data() + sliceflow::fuzz::kFingerprintAt, &sliceflow::fuzz::kFingerprint, sizeof(uint64_t));
  const auto checksum = static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
  bytes.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  sliceflow::fuzz::Decode(bytes);
  return 0;
}
