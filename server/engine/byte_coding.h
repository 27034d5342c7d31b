// Little-endian numbers into and out of bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"

namespace sliceflow::engine {

static_assert(std::endian::native == std::endian::little, "written for little-endian machines");

// Appends to a string it owns.
class ByteWriter {
 public:
  template <typename Number>
  void Put(Number number) {
    static_assert(std::is_arithmetic_v<Number>);
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof(number));
  }

  void PutString(absl::string_view text) {
    Put(static_cast<uint32_t>(text.size()));
    bytes_.append(text.data(), text.size());
  }

  // As PutString, with a length of 64 bits.
  void PutBytes(absl::string_view bytes) {
    Put(static_cast<uint64_t>(bytes.size()));
    bytes_.append(bytes.data(), bytes.size());
  }

  // The count as 64 bits, then the numbers.
  template <typename Number>
  void PutVector(const std::vector<Number>& numbers) {
    static_assert(std::is_arithmetic_v<Number>);
    Put(static_cast<uint64_t>(numbers.size()));
    bytes_.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number));
  }

  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

// Reads a view it does not own. After the first read past the end `ok` is false and every read answers zero or empty.
class ByteReader {
 public:
  explicit ByteReader(absl::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

  template <typename Number>
  Number Get() {
    static_assert(std::is_arithmetic_v<Number>);
    Number number{};
    if (!Take(sizeof(number))) return number;
    std::memcpy(&number, taken_.data(), sizeof(number));
    return number;
  }

  std::string GetString() {
    const auto size = Get<uint32_t>();
    return Take(size) ? std::string(taken_) : std::string();
  }

  std::string GetBytes() {
    const auto size = Get<uint64_t>();
    return Take(size) ? std::string(taken_) : std::string();
  }

  template <typename Number>
  std::vector<Number> GetVector() {
    const auto count = Get<uint64_t>();
    if (count > bytes_.size() / sizeof(Number)) ok_ = false;
    if (!ok_ || !Take(count * sizeof(Number))) return {};
    std::vector<Number> numbers(count);
    if (count > 0) std::memcpy(numbers.data(), taken_.data(), count * sizeof(Number));
    return numbers;
  }

 private:
  bool Take(size_t size) {
    ok_ = ok_ && size <= bytes_.size();
    if (!ok_) return false;
    taken_ = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return true;
  }

  absl::string_view bytes_;
  absl::string_view taken_;
  bool ok_ = true;
};

}  // namespace sliceflow::engine
