#include "server/gateway/answerers.h"

#include <unistd.h>

#include <utility>

namespace sliceflow::gateway {

Answerers::Answerers(size_t most_threads, size_t most_waiting, std::function<void(RequestReader::Request)> answer)
    : most_threads_(most_threads), most_waiting_(most_waiting), answer_(std::move(answer)) {}

Answerers::~Answerers() {
  std::vector<std::thread> threads;
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

void Answerers::Add(RequestReader::Request request) {
  const absl::MutexLock lock(&mutex_);
  if (requests_.size() >= most_waiting_) {
    close(request.socket);
    return;
  }
  requests_.push_back(std::move(request));
  if (requests_.size() > idle_ && threads_.size() < most_threads_) threads_.emplace_back([this] { Work(); });
}

void Answerers::Work() {
  const auto is_due = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return ending_ || !requests_.empty(); };
  while (true) {
    RequestReader::Request request;
    {
      const absl::MutexLock lock(&mutex_);
      ++idle_;
      mutex_.Await(absl::Condition(&is_due));
      --idle_;
      if (requests_.empty()) return;
      request = std::move(requests_.front());
      requests_.pop_front();
    }
    answer_(std::move(request));
  }
}

}  // namespace sliceflow::gateway
