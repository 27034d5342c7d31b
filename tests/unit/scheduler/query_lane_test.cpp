// Queries at checkpoints: answered once, by whoever is there, within bounds.
#include <gmock/gmock.h>

#include "common/errors.h"
#include "common/ids.h"
#include "tests/unit/scheduler/scheduler_fixture.h"

namespace sliceflow::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class QueryLane : public SchedulerFixture {
 protected:
  static Query DrawAt(const std::string& id, std::optional<int> step, int count = 2) {
    Query query;
    query.job_id = id;
    query.step = step;
    query.draw = Query::Draw{count, 7};
    return query;
  }
  static Query AskedBy(const std::string& owner, Query query) {
    query.owner = owner;
    return query;
  }
  std::unique_ptr<FakeWorker> AttachQueryWorker() { return Attach("q", worker::v1::LANE_QUERY); }

  static worker::v1::Query NextQuery(FakeWorker& worker) {
    const worker::v1::AttachResponse message = worker.Next();
    EXPECT_TRUE(message.has_query()) << message.ShortDebugString();
    return message.query();
  }
  static void AnswerWith(FakeWorker& worker, int64_t query, float value) {
    worker.SendBlob("result", PackValues({value}), {1});
    worker.SendAnswer(query);
  }
};

TEST_F(QueryLane, DrawsAtAStepAndSendsItsCheckpointOnce) {
  Serve();
  const std::string id = JobWithSteps();
  const auto worker = AttachQueryWorker();
  Reply first;
  scheduler_->Ask(DrawAt(id, 0, 5), first.callback());
  worker::v1::Query query = NextQuery(*worker);
  EXPECT_EQ(query.step(), 0);
  EXPECT_EQ(query.draw_samples().count(), 5);
  EXPECT_EQ(query.draw_samples().seed(), 7u);
  EXPECT_EQ(worker->blobs["checkpoint"], "checkpoint 0");
  AnswerWith(*worker, query.query(), 1.5f);
  EXPECT_THAT(first.Wait()->values, ElementsAre(1.5f));

  Reply second;
  scheduler_->Ask(DrawAt(id, 0), second.callback());
  query = NextQuery(*worker);
  EXPECT_EQ(worker->blobs.count("checkpoint"), 0u);
  AnswerWith(*worker, query.query(), 2.5f);
  EXPECT_THAT(second.Wait()->values, ElementsAre(2.5f));

  Reply newest;
  scheduler_->Ask(DrawAt(id, std::nullopt), newest.callback());
  query = NextQuery(*worker);
  EXPECT_EQ(query.step(), 1);
  EXPECT_EQ(worker->blobs["checkpoint"], "checkpoint 1");
  AnswerWith(*worker, query.query(), 3.5f);
  EXPECT_TRUE(newest.Wait().ok());
}

Query CheckOf(const std::string& source) {
  Query query;
  query.expression = Query::Expression{v1::CheckExpressionRequest::INTERACTION, source};
  query.points = Tensor{{1, 2}, {3, 4}};
  return query;
}

TEST_F(QueryLane, AnExpressionNeedsNoJobAndNoCheckpoint) {
  Serve();
  const auto worker = AttachQueryWorker();
  Reply reply;
  scheduler_->Ask(CheckOf("def W(z): ..."), reply.callback());
  const worker::v1::Query query = NextQuery(*worker);
  EXPECT_EQ(query.check_expression().source(), "def W(z): ...");
  EXPECT_EQ(query.check_expression().kind(), v1::CheckExpressionRequest::INTERACTION);
  EXPECT_EQ(worker->blobs["points"], PackValues({3, 4}));
  EXPECT_EQ(worker->blobs.count("checkpoint"), 0u);
  worker->SendBlob("result", PackValues({5, 6, 7}), {1, 3});
  worker->SendAnswer(query.query());
  EXPECT_THAT(reply.Wait()->values, ElementsAre(5, 6, 7));
}

TEST_F(QueryLane, ARefusalKeepsItsReasonAndLine) {
  Serve();
  const auto worker = AttachQueryWorker();
  Reply reply;
  scheduler_->Ask(CheckOf("def W(z): ..."), reply.callback());
  const worker::v1::Query query = NextQuery(*worker);
  const absl::Status refusal = WithReason(absl::InvalidArgumentError("draws random numbers"), "EXPRESSION_REFUSED", {{"line", "3"}});
  worker->SendAnswer(query.query(), ToRpcStatus(refusal));
  const absl::Status status = reply.Wait().status();
  EXPECT_EQ(Reason(status), "EXPRESSION_REFUSED");
  EXPECT_EQ(ReasonDetail(status, "line"), "3");
  EXPECT_EQ(ReasonDetail(status, "column"), "");
}

TEST_F(QueryLane, AnExpressionLeavesTheCheckpointOfTheLastDrawWhereItIs) {
  Serve();
  const std::string id = JobWithSteps();
  const auto worker = AttachQueryWorker();
  Reply draw, check, again;
  scheduler_->Ask(DrawAt(id, 0), draw.callback());
  AnswerWith(*worker, NextQuery(*worker).query(), 1);
  EXPECT_TRUE(draw.Wait().ok());
  scheduler_->Ask(CheckOf("def W(z): ..."), check.callback());
  AnswerWith(*worker, NextQuery(*worker).query(), 2);
  EXPECT_TRUE(check.Wait().ok());
  scheduler_->Ask(DrawAt(id, 0), again.callback());
  const worker::v1::Query query = NextQuery(*worker);
  EXPECT_EQ(worker->blobs.count("checkpoint"), 0u);
  AnswerWith(*worker, query.query(), 3);
  EXPECT_TRUE(again.Wait().ok());
}

TEST_F(QueryLane, AQueryMayHaveATimeOfItsOwn) {
  Serve();
  Reply reply;
  Query query = CheckOf("def W(z): ...");
  query.timeout = absl::Milliseconds(1);
  scheduler_->Ask(std::move(query), reply.callback());
  const absl::Status status = reply.Wait().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("within 1ms"));
}

TEST_F(QueryLane, PointsTravelWithTheirShape) {
  Serve();
  const std::string id = JobWithSteps();
  const auto worker = AttachQueryWorker();
  Query ask;
  ask.job_id = id;
  ask.points = Tensor{{1, 2}, {0.5f, 1}};
  Reply reply;
  scheduler_->Ask(std::move(ask), reply.callback());
  const worker::v1::Query query = NextQuery(*worker);
  EXPECT_TRUE(query.has_evaluate_log_density());
  EXPECT_EQ(worker->blobs["points"], PackValues({0.5f, 1}));
  AnswerWith(*worker, query.query(), -3);
  EXPECT_THAT(reply.Wait()->values, ElementsAre(-3.0f));
}

TEST_F(QueryLane, AModelComesBackAsAFile) {
  Serve();
  const std::string id = JobWithSteps();
  const auto worker = AttachQueryWorker();
  Query ask;
  ask.job_id = id;
  ask.format = v1::ExportModelRequest::SAFETENSORS;
  absl::Mutex mutex;
  std::string file;
  scheduler_->Ask(std::move(ask), [&](absl::StatusOr<Answer> answer) {
    absl::MutexLock lock(&mutex);
    file = answer.ok() ? answer->file : answer.status().ToString();
  });
  const worker::v1::Query query = NextQuery(*worker);
  EXPECT_EQ(query.export_model().format(), v1::ExportModelRequest::SAFETENSORS);
  worker->SendBlob("result", "odd");
  worker->SendAnswer(query.query());
  absl::MutexLock lock(&mutex);
  const auto there = [&] { return !file.empty(); };
  EXPECT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&there), kPatience));
  EXPECT_EQ(file, "odd");
}

TEST_F(QueryLane, DistanceTravelsWithItsCheckpointsAndDataSets) {
  Serve();
  const std::string id = JobWithSteps();
  const std::string table = UploadTable("points");
  const auto worker = AttachQueryWorker();
  Reply draw;
  scheduler_->Ask(DrawAt(id, 1), draw.callback());
  AnswerWith(*worker, NextQuery(*worker).query(), 1);
  EXPECT_TRUE(draw.Wait().ok());

  Query ask;
  ask.distance.emplace();
  ask.distance->mutable_first()->mutable_job_step()->set_job(JobName(id));
  ask.distance->mutable_first()->mutable_job_step()->set_step(0);
  ask.distance->mutable_second()->set_dataset(table);
  ask.distance->mutable_distance()->mutable_energy();
  ask.distance->set_samples(9);
  ask.distance->set_seed(4);
  Reply reply;
  scheduler_->Ask(ask, reply.callback());
  worker::v1::Query query = NextQuery(*worker);
  EXPECT_EQ(query.compute_distance().samples(), 9);
  EXPECT_EQ(query.compute_distance().seed(), 4u);
  EXPECT_TRUE(query.compute_distance().distance().has_energy());
  EXPECT_EQ(query.compute_distance().first().spec().schedule().num_steps(), 3);
  EXPECT_EQ(worker->blobs["first_checkpoint"], "checkpoint 0");
  EXPECT_EQ(worker->blobs.count("second_checkpoint"), 0u);
  EXPECT_EQ(worker->blobs[table], PackValues({1, 2, 3, 4}));
  AnswerWith(*worker, query.query(), 2);
  EXPECT_THAT(reply.Wait()->values, ElementsAre(2.0f));

  // What the worker holds of the draw is still there.
  Reply again;
  scheduler_->Ask(DrawAt(id, 1), again.callback());
  query = NextQuery(*worker);
  EXPECT_EQ(worker->blobs.count("checkpoint"), 0u);
  AnswerWith(*worker, query.query(), 3);
  EXPECT_TRUE(again.Wait().ok());

  ask.distance->mutable_first()->mutable_job_step()->set_step(7);
  Reply unkept;
  scheduler_->Ask(ask, unkept.callback());
  EXPECT_EQ(Reason(unkept.Wait().status()), "CHECKPOINT_NOT_KEPT");
}

TEST_F(QueryLane, ErrorsReachTheAsker) {
  Serve();
  const std::string id = JobWithSteps();
  const auto worker = AttachQueryWorker();
  Reply unkept;
  scheduler_->Ask(DrawAt(id, 9), unkept.callback());
  EXPECT_EQ(Reason(unkept.Wait().status()), "CHECKPOINT_NOT_KEPT");
  Reply unknown;
  scheduler_->Ask(DrawAt("nothing", 0), unknown.callback());
  EXPECT_TRUE(absl::IsNotFound(unknown.Wait().status()));
  Reply refused;
  scheduler_->Ask(DrawAt(id, 0), refused.callback());
  worker->SendAnswer(NextQuery(*worker).query(), ToRpcStatus(absl::InvalidArgumentError("more samples than particles")));
  EXPECT_THAT(refused.Wait().status().message(), HasSubstr("more samples than particles"));
  // After an error nothing is taken to be with the worker.
  Reply again;
  scheduler_->Ask(DrawAt(id, 0), again.callback());
  const worker::v1::Query query = NextQuery(*worker);
  EXPECT_EQ(worker->blobs["checkpoint"], "checkpoint 0");
  AnswerWith(*worker, query.query(), 1);
  EXPECT_TRUE(again.Wait().ok());
}

TEST_F(QueryLane, IsTriedOnceMoreWhenTheWorkerDies) {
  Serve();
  const std::string id = JobWithSteps();
  Reply reply;
  scheduler_->Ask(DrawAt(id, 0), reply.callback());
  auto worker = AttachQueryWorker();
  NextQuery(*worker);
  worker->Drop();
  worker = AttachQueryWorker();
  AnswerWith(*worker, NextQuery(*worker).query(), 4);
  EXPECT_THAT(reply.Wait()->values, ElementsAre(4.0f));
}

// An answer for good: who asks again would end the next worker, and others wait meanwhile.
TEST_F(QueryLane, SecondDeathIsFinalAndTheNextQueryIsServed) {
  Serve();
  const std::string id = JobWithSteps();
  Reply reply, next;
  scheduler_->Ask(DrawAt(id, 0), reply.callback());
  for (int i = 0; i < 2; ++i) {
    const auto worker = AttachQueryWorker();
    NextQuery(*worker);
    worker->Drop();
  }
  const absl::Status status = reply.Wait().status();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_EQ(Reason(status), "WORKER_LOST");
  EXPECT_THAT(std::string(status.message()), HasSubstr("the worker ended 2 times"));
  EXPECT_EQ(ToRpcStatus(status).details_size(), 1);  // ErrorInfo, and no RetryInfo
  // Not before: the second worker may attach before the first is known to be gone, and would be given it.
  scheduler_->Ask(DrawAt(id, 1), next.callback());
  const auto worker = AttachQueryWorker();
  AnswerWith(*worker, NextQuery(*worker).query(), 4);
  EXPECT_THAT(next.Wait()->values, ElementsAre(4.0f));
}

TEST_F(QueryLane, WaitingIsBoundedOfAnOwnerAndOfAll) {
  SchedulerOptions options;
  options.max_waiting_queries = 3;
  options.max_waiting_queries_of_owner = 2;
  Serve(options);
  const std::string id = JobWithSteps();
  Reply first, second, third, fourth, fifth;
  scheduler_->Ask(DrawAt(id, 0), first.callback());
  scheduler_->Ask(DrawAt(id, 0), second.callback());
  scheduler_->Ask(DrawAt(id, 0), third.callback());
  const absl::Status own = third.Wait().status();
  EXPECT_TRUE(absl::IsResourceExhausted(own));
  EXPECT_THAT(std::string(own.message()), HasSubstr("2 of your own short requests"));
  EXPECT_EQ(ToRpcStatus(own).details_size(), 2);  // ErrorInfo and RetryInfo
  scheduler_->Ask(AskedBy("ada", DrawAt(id, 0)), fourth.callback());
  scheduler_->Ask(AskedBy("bob", DrawAt(id, 0)), fifth.callback());
  const absl::Status all = fifth.Wait().status();
  EXPECT_TRUE(absl::IsResourceExhausted(all));
  EXPECT_THAT(std::string(all.message()), HasSubstr("3 short requests (draws, densities, distances, checks) of all owners"));
  const auto worker = AttachQueryWorker();
  AnswerWith(*worker, NextQuery(*worker).query(), 1);
  AnswerWith(*worker, NextQuery(*worker).query(), 2);
  AnswerWith(*worker, NextQuery(*worker).query(), 3);
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_TRUE(second.Wait().ok());
  EXPECT_TRUE(fourth.Wait().ok());
}

TEST_F(QueryLane, WhoAsksMuchKeepsNoOtherWaiting) {
  Serve();
  const std::string id = JobWithSteps();
  std::vector<Reply> many(20);
  for (size_t i = 0; i < many.size(); ++i) scheduler_->Ask(AskedBy("bob", DrawAt(id, 0, 100 + static_cast<int>(i))), many[i].callback());
  Reply early, late;
  scheduler_->Ask(AskedBy("ada", DrawAt(id, 0, 1)), early.callback());
  scheduler_->Ask(AskedBy("cyd", DrawAt(id, 0, 3)), late.callback());
  const auto worker = AttachQueryWorker();
  std::vector<int> counts;
  for (size_t taken = 0; taken < many.size() + 2; ++taken) {
    const worker::v1::Query query = NextQuery(*worker);
    counts.push_back(query.draw_samples().count());
    AnswerWith(*worker, query.query(), 1);
  }
  counts.resize(5);
  EXPECT_THAT(counts, ElementsAre(1, 100, 3, 101, 102));
  EXPECT_TRUE(early.Wait().ok() && late.Wait().ok() && many.back().Wait().ok());
}

TEST_F(QueryLane, CancelledIsAnsweredOnceAndItsResultDropped) {
  Serve();
  const std::string id = JobWithSteps();
  const auto worker = AttachQueryWorker();
  Reply reply;
  const auto cancel = scheduler_->Ask(DrawAt(id, 0), reply.callback());
  const int64_t query = NextQuery(*worker).query();
  cancel();
  EXPECT_TRUE(absl::IsCancelled(reply.Wait().status()));
  cancel();
  AnswerWith(*worker, query, 1);
  Reply next;
  scheduler_->Ask(DrawAt(id, 0), next.callback());
  AnswerWith(*worker, NextQuery(*worker).query(), 2);
  EXPECT_THAT(next.Wait()->values, ElementsAre(2.0f));
}

TEST_F(QueryLane, WithoutAWorkerItEndsUnavailable) {
  SchedulerOptions options;
  options.query_timeout = absl::Milliseconds(200);
  Serve(options);
  Reply reply;
  scheduler_->Ask(DrawAt(JobWithSteps(), 0), reply.callback());
  EXPECT_TRUE(absl::IsUnavailable(reply.Wait().status()));
}

TEST_F(QueryLane, ThatNoWorkerIsAttachedIsToldBeforeTheTimeIsUp) {
  SchedulerOptions options;
  options.query_patience = absl::Milliseconds(200);
  Serve(options);
  const std::string id = JobWithSteps();
  Reply reply;
  scheduler_->Ask(DrawAt(id, 0), reply.callback());
  const absl::Status told = reply.Wait().status();
  EXPECT_EQ(Reason(told), "NO_WORKER");
  EXPECT_THAT(std::string(told.message()), HasSubstr("no worker for short requests"));
}

TEST_F(QueryLane, WorkerThatTakesTooLongIsKilled) {
  SchedulerOptions options;
  options.query_timeout = absl::Milliseconds(500);
  Serve(options);
  const std::string id = JobWithSteps();
  const auto worker = AttachQueryWorker();
  Reply reply;
  scheduler_->Ask(DrawAt(id, 0), reply.callback());
  NextQuery(*worker);
  EXPECT_TRUE(absl::IsDeadlineExceeded(reply.Wait().status()));
  EXPECT_THAT(WaitForKilled(), SizeIs(1));
}

TEST_F(QueryLane, ShutdownAnswersWhatWaits) {
  Serve();
  Reply waiting, late;
  const std::string id = JobWithSteps();
  scheduler_->Ask(DrawAt(id, 0), waiting.callback());
  scheduler_->Shutdown(absl::ZeroDuration());
  EXPECT_TRUE(absl::IsUnavailable(waiting.Wait().status()));
  scheduler_->Ask(DrawAt(id, 0), late.callback());
  EXPECT_TRUE(absl::IsUnavailable(late.Wait().status()));
}

}  // namespace
}  // namespace sliceflow::scheduler
