#include "server/api/distance_call.h"

#include <memory>
#include <utility>
#include <vector>

#include "common/grpc_status.h"
#include "server/api/question.h"

namespace sliceflow::api {
namespace {

// The scheduler answers exactly once and only then is the call finished, so the call outlives the question.
class DistanceCall final : public grpc::ServerUnaryReactor {
 public:
  DistanceCall(scheduler::Scheduler& scheduler, std::string owner, v1::ComputeDistanceRequest request,
               v1::ComputeDistanceResponse* response)
      : response_(response) {
    *response_->mutable_request() = request;
    scheduler::Query query;
    query.distance = std::move(request);
    query.owner = std::move(owner);
    const std::shared_ptr<Question> question = question_;
    question->SetCancel(scheduler.Ask(std::move(query), [this](const absl::StatusOr<scheduler::Answer>& answer) { Answer(answer); }));
  }

  void OnCancel() override { question_->Cancel(); }
  void OnDone() override { delete this; }

 private:
  void Answer(const absl::StatusOr<scheduler::Answer>& answer) {
    if (!answer.ok()) return Finish(ToGrpcStatus(answer.status()));
    const std::vector<float>& values = answer->tensor.values;
    if (values.size() != 5) return Finish(ToGrpcStatus(absl::InternalError("a distance was answered by something else")));
    response_->set_value(values[0]);
    response_->set_standard_error(values[1]);
    response_->set_first_samples(static_cast<int>(values[2]));
    response_->set_second_samples(static_cast<int>(values[3]));
    response_->set_bandwidth(values[4]);
    Finish(grpc::Status::OK);
  }

  const std::shared_ptr<Question> question_ = std::make_shared<Question>();
  v1::ComputeDistanceResponse* const response_;
};

}  // namespace

grpc::ServerUnaryReactor* OpenDistanceCall(scheduler::Scheduler& scheduler, std::string owner, v1::ComputeDistanceRequest request,
                                           v1::ComputeDistanceResponse* response) {
  return new DistanceCall(scheduler, std::move(owner), std::move(request), response);
}

}  // namespace sliceflow::api
