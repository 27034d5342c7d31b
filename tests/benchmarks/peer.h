// A contender in another process: asked for one timing at a time, so that it takes turns with what is measured in this one.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <optional>
#include <string>

namespace sliceflow::benchmarks {

// A program of tests/benchmarks/peers, run by the Python that $SLICEFLOW_PEERS names (scripts/bench makes its environment). Not thread-safe.
class Peer {
 public:
  explicit Peer(const std::string& program);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // What the peer answers to a line: milliseconds. Nothing where it does not run, which is told once on standard error.
  std::optional<double> Time(const std::string& request);

 private:
  void Close();

  pid_t pid_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

}  // namespace sliceflow::benchmarks
