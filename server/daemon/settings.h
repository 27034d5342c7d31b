// What the daemon is told when it starts: by a file, by the environment, by flags.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/daemon/listen_address.h"
#include "server/daemon/tls.h"
#include "server/jobs/retention.h"
#include "sliceflow/v1/server_service.pb.h"

namespace sliceflow::daemon {

inline constexpr int kMaxThreads = 256;

// The values of all settings; their meanings, ranges and defaults are in the table of settings_table.cpp. Adding one takes a member here
// and a row there.
struct Settings {
  std::string data_dir;
  ListenAddress listen{"127.0.0.1", 50051};
  std::optional<ListenAddress> http;
  std::string http_tls = "auto";
  bool insecure = false;
  std::string authentication = "none";
  TlsFiles tls;
  std::string ready_file;  // empty: none
  std::string dashboard;   // empty: there is none
  std::string worker;
  std::string worker_sandbox = "required";
  std::string worker_user;          // empty: `nobody` where the daemon is root's
  int64_t worker_memory_bytes = 0;  // 0: as much as the machine has
  absl::Duration worker_cpu_time;   // zero: no bound
  absl::Duration worker_attach_timeout = absl::Seconds(30);
  std::optional<ListenAddress> workers_listen;
  std::string workers_client_ca;
  std::string workers_local = "all";
  int threads = 0;
  std::string gpus = "auto";
  std::string gpu_precision = "fp32";
  absl::Duration shutdown_time = absl::Seconds(8);
  std::string log_level = "info";
  std::string log_format = "text";
  jobs::RetentionOptions retention;
  v1::Quota quota;
  std::map<std::string, v1::Quota> owner_quotas;  // complete: what an owner's entry leaves out is that of `quota`

  // Of the port that workers of other machines attach to.
  TlsFiles WorkersTls() const { return {tls.cert, tls.key, workers_client_ca, "workers.client_ca"}; }

  // Whether the HTTP port, where there is one, speaks HTTPS.
  bool encrypts_http() const {
    return http.has_value() && tls.enabled() && (http_tls == "on" || (http_tls == "auto" && !http->loopback()));
  }
};

// Whoever reads the status knows what to change: its message begins with the name. OK stays so.
absl::Status OfSetting(absl::string_view name, const absl::Status& status);

// A value somebody gave.
struct GivenSetting {
  std::string name;    // `log.level`
  std::string value;   // as it was written
  std::string source;  // for people: `--log-level`, `SLICEFLOWD_LOG_LEVEL`, `sliceflowd.yaml:3`
};

struct ResolvedSettings {
  Settings settings;
  std::map<std::string, std::string> sources;  // by name; a setting that is not here has its default
};

// Values in the order in which they were given, and a line for each mistake that was met.
struct GivenSettings {
  std::vector<GivenSetting> values;
  std::vector<std::string> problems;
};

// Adds the settings named in the environment, whose entries are NAME=VALUE. A variable SLICEFLOWD_… that is no setting's is a mistake, but
// for those that Kubernetes makes of a service called sliceflowd (…_SERVICE_HOST, …_SERVICE_PORT…, …_PORT…).
void AddEnvironment(const char* const* environment, GivenSettings& given);

// Adds what a text in YAML gives: a mapping, in which dots of a name may be written as nesting. `path` is for the sources.
void AddFile(const std::string& text, const std::string& path, GivenSettings& given);

// Of values for the same setting the last counts, so `given` comes in the order file, environment, flags. What nobody gave has its default,
// and what depends on this machine is filled in. InvalidArgument with a line for each mistake, those of `given` first: setting, source,
// value, and what would be right.
absl::StatusOr<ResolvedSettings> ResolveSettings(const GivenSettings& given);

// What is wrong with the settings together, for a daemon that is to serve. InvalidArgument.
absl::Status CheckForServing(const ResolvedSettings& resolved);

}  // namespace sliceflow::daemon
