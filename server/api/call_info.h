// What is known of a call beside its message: its id, the trace it belongs to, how it ended.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_interceptor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sliceflow::api {

// Metadata of calls. `x-request-id` is the client's where it sent one of at most 64 characters of [A-Za-z0-9._-], and one made here
// otherwise; `traceparent` is that of W3C Trace Context. Both go back in the trailing metadata.
inline constexpr char kRequestIdKey[] = "x-request-id";
inline constexpr char kTraceParentKey[] = "traceparent";

// In place of the name of a method that the server does not have: clients make up any number of names.
inline constexpr char kOtherMethod[] = "other";

struct FinishedCall {
  std::string method;  // `/sliceflow.v1.JobService/CreateJob`, or kOtherMethod
  std::string code;    // `NOT_FOUND`
  absl::Duration duration;
  std::string request_id;
  std::string trace_id;  // 32 hexadecimal digits; empty where the client sent no trace
  std::string job;       // what a changing call of JobService answered with: `jobs/ID`; otherwise empty
};

// Whether a method changes something.
bool IsChange(absl::string_view method);

// Gives every call of the server it is registered with its ids, the first of which RequestIdOf finds from then on, and calls `on_end` just
// before the call is answered, on gRPC's thread: short. `services`: full names of those that the server has beside health checks and
// reflection.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> ObserveCalls(const std::vector<std::string>& services,
                                                                                    std::function<void(const FinishedCall&)> on_end);

// Of a call that ObserveCalls has seen; empty otherwise.
std::string RequestIdOf(const grpc::ServerContextBase& context);

}  // namespace sliceflow::api
