#include "server/api/call_info.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/ids.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::api {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;
using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

constexpr size_t kLongestRequestId = 64;
// 00-TRACE-PARENT-FLAGS, in lower case.
constexpr size_t kTraceParentSize = 55;
constexpr size_t kTraceStart = 3;
constexpr size_t kTraceSize = 32;
constexpr size_t kSpanStart = 36;
constexpr size_t kSpanSize = 16;

// Answered with the job.
constexpr std::array kJobChanges{"/sliceflow.v1.JobService/CreateJob", "/sliceflow.v1.JobService/CancelJob",
                                 "/sliceflow.v1.JobService/DeleteJob", "/sliceflow.v1.JobService/UndeleteJob",
                                 "/sliceflow.v1.JobService/PauseJob",  "/sliceflow.v1.JobService/ResumeJob",
                                 "/sliceflow.v1.JobService/ForkJob"};
constexpr std::array kOtherChanges{"/sliceflow.v1.DatasetService/UploadDataset", "/sliceflow.v1.DatasetService/DeleteDataset"};

bool ChangesAJob(absl::string_view method) { return std::find(kJobChanges.begin(), kJobChanges.end(), method) != kJobChanges.end(); }

// Served by gRPC itself.
constexpr std::array kOtherServices{"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"};

// What is served, by name (`/package.Service/Method`), and whether it changes a job and answers with it.
using Methods = std::map<std::string, bool, std::less<>>;

void AddMethods(const std::string& service, Methods& methods) {
  // Never asked for what a client names: the pool remembers every name that it does not find.
  const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(service);
  for (int i = 0; descriptor != nullptr && i < descriptor->method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *descriptor->method(i);
    const std::string name = absl::StrCat("/", service, "/", method.name());
    methods[name] = ChangesAJob(name) && method.output_type() == v1::Job::descriptor() && !method.server_streaming();
  }
}

absl::string_view View(grpc::string_ref text) { return {text.data(), text.size()}; }

bool IsGoodRequestId(absl::string_view id) {
  const auto is_good = [](char c) { return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-'; };
  return !id.empty() && id.size() <= kLongestRequestId && std::all_of(id.begin(), id.end(), is_good);
}

bool IsId(absl::string_view digits) {
  const auto is_digit = [](char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); };
  return std::all_of(digits.begin(), digits.end(), is_digit) && std::any_of(digits.begin(), digits.end(), [](char c) { return c != '0'; });
}

// Version 00, the only one there is.
bool IsGoodTraceParent(absl::string_view text) {
  return text.size() == kTraceParentSize && absl::StartsWith(text, "00-") && text[kSpanStart - 1] == '-' &&
         text[kSpanStart + kSpanSize] == '-' && IsId(text.substr(kTraceStart, kTraceSize)) && IsId(text.substr(kSpanStart, kSpanSize)) &&
         absl::ascii_isxdigit(text[kTraceParentSize - 2]) && absl::ascii_isxdigit(text[kTraceParentSize - 1]);
}

std::string Find(const Metadata& metadata, const char* key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string() : std::string(View(found->second));
}

std::string CodeName(grpc::StatusCode code) { return absl::StatusCodeToString(static_cast<absl::StatusCode>(code)); }

class CallObserver final : public grpc::experimental::Interceptor {
 public:
  CallObserver(absl::string_view method, bool answers_job, const std::function<void(const FinishedCall&)>& on_end)
      : on_end_(on_end), answers_job_(answers_job) {
    call_.method = std::string(method);
  }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) Begin(*methods->GetRecvInitialMetadata());
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_MESSAGE) && answers_job_) {
      call_.job = static_cast<const v1::Job*>(methods->GetSendMessage())->name();
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      End(methods->GetSendStatus().error_code(), *methods->GetSendTrailingMetadata());
    }
    methods->Proceed();
  }

 private:
  void Begin(Metadata& metadata) {
    call_.request_id = Find(metadata, kRequestIdKey);
    if (!IsGoodRequestId(call_.request_id)) call_.request_id = NewId();
    // The handler reads this map: what it finds there is what is logged.
    metadata.erase(kRequestIdKey);
    metadata.emplace(kRequestIdKey, call_.request_id);
    trace_parent_ = Find(metadata, kTraceParentKey);
    if (IsGoodTraceParent(trace_parent_)) {
      call_.trace_id = trace_parent_.substr(kTraceStart, kTraceSize);
    } else {
      trace_parent_.clear();
      metadata.erase(kTraceParentKey);
    }
  }

  void End(grpc::StatusCode code, std::multimap<std::string, std::string>& trailing) {
    trailing.emplace(kRequestIdKey, call_.request_id);
    if (!trace_parent_.empty()) trailing.emplace(kTraceParentKey, trace_parent_);
    call_.code = CodeName(code);
    call_.duration = Uptime() - start_;
    on_end_(call_);
  }

  const std::function<void(const FinishedCall&)>& on_end_;
  const bool answers_job_;
  const absl::Duration start_ = Uptime();
  FinishedCall call_;
  std::string trace_parent_;
};

class CallObserverFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  CallObserverFactory(const std::vector<std::string>& services, std::function<void(const FinishedCall&)> on_end)
      : on_end_(std::move(on_end)) {
    for (const std::string& service : services) AddMethods(service, methods_);
    for (const char* service : kOtherServices) AddMethods(service, methods_);
  }

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override {
    const auto known = methods_.find(absl::string_view(info->method()));
    if (known == methods_.end()) return new CallObserver(kOtherMethod, false, on_end_);
    return new CallObserver(known->first, known->second, on_end_);
  }

 private:
  Methods methods_;
  const std::function<void(const FinishedCall&)> on_end_;
};

}  // namespace

bool IsChange(absl::string_view method) {
  return ChangesAJob(method) || std::find(kOtherChanges.begin(), kOtherChanges.end(), method) != kOtherChanges.end();
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> ObserveCalls(const std::vector<std::string>& services,
                                                                                    std::function<void(const FinishedCall&)> on_end) {
  return std::make_unique<CallObserverFactory>(services, std::move(on_end));
}

std::string RequestIdOf(const grpc::ServerContextBase& context) { return Find(context.client_metadata(), kRequestIdKey); }

}  // namespace sliceflow::api
