// The memory that this process takes, as the kernel counts it, and a bound on it for a while.
#pragma once

#include <atomic>
#include <cstdint>

namespace sliceflow::worker {

// Counts memory of its own, not that of programs and libraries. Opens what it reads when it is made, because a caged process opens nothing
// any more; where the kernel does not tell, every number is 0. Thread-safe.
class MemoryMeter {
 public:
  MemoryMeter();
  ~MemoryMeter();
  MemoryMeter(const MemoryMeter&) = delete;
  MemoryMeter& operator=(const MemoryMeter&) = delete;

  // Held now. Unit: bytes.
  int64_t Held() const;
  // The most that was held since the last Restart. Unit: bytes. The kernel keeps the most of memory and mapped files together; what is
  // told is too little by as much of the libraries as was read in between that moment and the next call, so it is worth asking now and
  // then.
  int64_t Peak();
  // Gives back what was freed, and begins anew to look for the most.
  void Restart();
  // What the kernel compares with RLIMIT_DATA: held or not yet touched. Unit: bytes.
  int64_t Mapped() const;

 private:
  int status_;  // −1 where it cannot be read
  int clear_;
  std::atomic<int64_t> peak_ = 0;
};

// Until it is destroyed the process gets at most so many bytes beside what it has mapped: then allocations fail. 0: no bound. Never more
// than the process was allowed before.
class MemoryLimit {
 public:
  MemoryLimit(const MemoryMeter& meter, int64_t bytes);
  ~MemoryLimit();
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  uint64_t before_;
  bool set_ = false;
};

}  // namespace sliceflow::worker
