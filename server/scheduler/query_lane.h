// A worker's lane that answers short queries, one at a time.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "server/jobs/jobs.h"
#include "server/scheduler/dataset_ledger.h"
#include "server/scheduler/query_desk.h"
#include "server/scheduler/worker_session.h"

namespace sliceflow::scheduler {

// On the session's executor, except for the methods of Taker.
class QueryLane : public Lane, private QueryDesk::Taker {
 public:
  // All must outlive the lane. `kill` ends the worker; thread-safe and short.
  QueryLane(WorkerSession& session, QueryDesk& desk, jobs::Jobs& jobs, DatasetLedger ledger, std::function<void()> kill);

  void Pull() override;
  absl::Status Handle(const worker::v1::AttachRequest& message) override;
  void Closed() override;

 private:
  void Poke() override;
  void Kill() override { kill_(); }

  // Sends a query with what it needs; an error is its answer.
  absl::Status Hand(const QueryDesk::Pending& pending);
  absl::Status HandAtCheckpoint(const QueryDesk::Pending& pending);
  absl::Status HandExpression(const QueryDesk::Pending& pending);
  void SendPoints(const Tensor& points);
  absl::Status HandDistance(int64_t number, const Query& query);
  // What the worker sent for the query.
  absl::StatusOr<Answer> TakeAnswer(const Query& query);
  void SendCheckpoint(const std::string& key, std::string bytes);

  WorkerSession& session_;
  QueryDesk& desk_;
  jobs::Jobs& jobs_;
  DatasetLedger ledger_;
  const std::function<void()> kill_;
  QueryDesk::PendingPtr current_;
  std::optional<std::pair<std::string, int>> held_;  // job and step whose checkpoint the worker has
  bool closed_ = false;
  std::atomic<bool> poked_{false};
};

}  // namespace sliceflow::scheduler
