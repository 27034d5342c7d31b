// Whether a browser's request comes from a page of this server.
#pragma once

#include "absl/status/status.h"
#include "server/gateway/request_head.h"

namespace sliceflow::gateway {

// PermissionDenied, with reason ORIGIN_NOT_ALLOWED, for a request that a page from elsewhere has made (`Origin`, `Sec-Fetch-Site`), and where
// `on_loopback` for one whose `Host` is no name of the loopback: a page from elsewhere whose name leads here. Programs send no `Origin`.
absl::Status CheckOrigin(const RequestHead& head, bool on_loopback);

}  // namespace sliceflow::gateway
