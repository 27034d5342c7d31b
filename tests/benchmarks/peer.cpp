#include "tests/benchmarks/peer.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>

namespace sliceflow::benchmarks {

Peer::Peer(const std::string& program) {
  const char* python = std::getenv("SLICEFLOW_PEERS");
  if (python == nullptr) {
    std::fprintf(stderr, "not measured: %s, because SLICEFLOW_PEERS names no Python that has the peers; scripts/bench does\n",
                 program.c_str());
    return;
  }
  std::signal(SIGPIPE, SIG_IGN);  // a peer that ended is told by its answer
  const std::string launcher = SLICEFLOW_SOURCE_DIR "/tests/e2e/torch_without_cuda.py";
  const std::string path = SLICEFLOW_SOURCE_DIR "/tests/benchmarks/peers/" + program;
  int requests[2], answers[2];
  if (pipe2(requests, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0) return;
  pid_ = fork();
  if (pid_ == 0) {
    dup2(requests[0], STDIN_FILENO);
    dup2(answers[1], STDOUT_FILENO);
    execl(python, python, launcher.c_str(), path.c_str(), nullptr);
    _exit(EXIT_FAILURE);
  }
  close(requests[0]);
  close(answers[1]);
  to_ = fdopen(requests[1], "w");
  from_ = fdopen(answers[0], "r");
}

Peer::~Peer() { Close(); }

void Peer::Close() {
  if (to_ != nullptr) std::fclose(std::exchange(to_, nullptr));
  if (from_ != nullptr) std::fclose(std::exchange(from_, nullptr));
  if (pid_ > 0) waitpid(std::exchange(pid_, -1), nullptr, 0);
}

std::optional<double> Peer::Time(const std::string& request) {
  if (to_ == nullptr) return std::nullopt;
  std::fprintf(to_, "%s\n", request.c_str());
  std::fflush(to_);
  double milliseconds = 0;
  if (std::fscanf(from_, "%lf", &milliseconds) == 1) return milliseconds;
  std::fprintf(stderr, "not measured: a peer ended without an answer to `%s`\n", request.c_str());
  Close();
  return std::nullopt;
}

}  // namespace sliceflow::benchmarks
