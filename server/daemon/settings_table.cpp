#include "server/daemon/settings_table.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "server/api/gate/placement.h"
#include "server/daemon/gpus.h"

namespace sliceflow::daemon {
namespace {

using google::protobuf::FieldDescriptor;

// With less a worker does not come so far as to take a job.
constexpr int64_t kLeastWorkerMemory = int64_t{256} << 20;

absl::Status MustBe(absl::string_view what) { return absl::InvalidArgumentError(what); }

Setting Text(std::string name, std::string takes, std::string Settings::*member, std::string help) {
  Setting row{std::move(name), std::move(takes), std::move(help)};
  row.read = [member](absl::string_view text, Settings& settings) {
    settings.*member = std::string(text);
    return absl::OkStatus();
  };
  row.write = [member](const Settings& settings) { return settings.*member; };
  return row;
}

Setting OneOf(std::string name, std::vector<std::string> words, std::string Settings::*member, std::string help) {
  const std::string takes = absl::StrJoin(words, "|");
  Setting row = Text(std::move(name), takes, member, std::move(help));
  row.read = [member, words = std::move(words)](absl::string_view text, Settings& settings) {
    if (std::find(words.begin(), words.end(), text) == words.end()) return MustBe(absl::StrCat("one of ", absl::StrJoin(words, ", ")));
    settings.*member = std::string(text);
    return absl::OkStatus();
  };
  return row;
}

Setting Whole(std::string name, int least, int most, int Settings::*member, std::string help) {
  Setting row{std::move(name), absl::StrCat(least, " to ", most), std::move(help)};
  row.read = [member, least, most](absl::string_view text, Settings& settings) {
    int value = 0;
    if (!absl::SimpleAtoi(text, &value) || value < least || value > most) {
      return MustBe(absl::StrCat("a whole number from ", least, " to ", most));
    }
    settings.*member = value;
    return absl::OkStatus();
  };
  row.write = [member](const Settings& settings) { return absl::StrCat(settings.*member); };
  return row;
}

// 0, or from `least` on.
Setting Bytes(std::string name, int64_t least, int64_t Settings::*member, std::string help) {
  Setting row{std::move(name), "bytes", std::move(help)};
  row.read = [member, least](absl::string_view text, Settings& settings) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value) || (value != 0 && value < least))
      return MustBe(absl::StrCat("0, or a whole number of bytes from ", least, " on"));
    settings.*member = value;
    return absl::OkStatus();
  };
  row.write = [member](const Settings& settings) { return absl::StrCat(settings.*member); };
  return row;
}

Setting Switch(std::string name, bool Settings::*member, std::string help) {
  Setting row{std::move(name), "true|false", std::move(help), /*is_switch=*/true};
  row.read = [member](absl::string_view text, Settings& settings) {
    return absl::SimpleAtob(text, &(settings.*member)) ? absl::OkStatus() : MustBe("true or false");
  };
  row.write = [member](const Settings& settings) { return std::string(settings.*member ? "true" : "false"); };
  return row;
}

// `value`: where it is in settings, of either constness.
template <typename Value>
Setting SpanAt(std::string name, absl::Duration least, absl::Duration most, Value value, std::string help) {
  const std::string range = absl::StrCat(absl::FormatDuration(least), " to ", absl::FormatDuration(most));
  Setting row{std::move(name), range, std::move(help)};
  row.read = [value, least, most, range](absl::string_view text, Settings& settings) {
    absl::Duration given;
    if (!absl::ParseDuration(text, &given) || given < least || given > most) {
      return MustBe(absl::StrCat("a duration from ", range, ", such as 500ms, 8s or 1h30m"));
    }
    value(settings) = given;
    return absl::OkStatus();
  };
  row.write = [value](const Settings& settings) { return absl::FormatDuration(value(settings)); };
  return row;
}

Setting Span(std::string name, absl::Duration least, absl::Duration most, absl::Duration Settings::*member, std::string help) {
  return SpanAt(
      std::move(name), least, most, [member](auto& settings) -> auto& { return settings.*member; }, std::move(help));
}

Setting RetentionSpan(const std::string& field, absl::Duration jobs::RetentionOptions::*member, std::string help) {
  return SpanAt(
      absl::StrCat("retention.", field), absl::ZeroDuration(),
      absl::Hours(24 * 36500), [member](auto& settings) -> auto& { return settings.retention.*member; }, std::move(help));
}

Setting RetentionCount(const std::string& field, int64_t jobs::RetentionOptions::*member, std::string help) {
  Setting row{absl::StrCat("retention.", field), "a whole number", std::move(help)};
  row.read = [member](absl::string_view text, Settings& settings) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value) || value < 0) return MustBe("a whole number from 0 on");
    settings.retention.*member = value;
    return absl::OkStatus();
  };
  row.write = [member](const Settings& settings) { return absl::StrCat(settings.retention.*member); };
  return row;
}

Setting Address(std::string name, ListenAddress Settings::*member, std::string help) {
  Setting row{std::move(name), "HOST:PORT", std::move(help)};
  row.read = [member](absl::string_view text, Settings& settings) {
    absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    if (!address.ok()) return address.status();
    settings.*member = *std::move(address);
    return absl::OkStatus();
  };
  row.write = [member](const Settings& settings) { return (settings.*member).ToString(); };
  return row;
}

// Of something that may be left out.
Setting Address(std::string name, std::optional<ListenAddress> Settings::*member, std::string help) {
  Setting row{std::move(name), "HOST:PORT", std::move(help)};
  row.read = [member](absl::string_view text, Settings& settings) {
    (settings.*member).reset();
    if (text.empty()) return absl::OkStatus();
    absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    if (!address.ok()) return address.status();
    settings.*member = *std::move(address);
    return absl::OkStatus();
  };
  row.write = [member](const Settings& settings) {
    return (settings.*member).has_value() ? (settings.*member)->ToString() : std::string();
  };
  return row;
}

Setting TlsFile(std::string name, std::string TlsFiles::*member, std::string help) {
  Setting row{std::move(name), "FILE", std::move(help)};
  row.read = [member](absl::string_view text, Settings& settings) {
    settings.tls.*member = std::string(text);
    return absl::OkStatus();
  };
  row.write = [member](const Settings& settings) { return settings.tls.*member; };
  return row;
}

std::string QuotaFieldText(const v1::Quota& quota, const FieldDescriptor& field) {
  const google::protobuf::Reflection& reflection = *quota.GetReflection();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) return absl::StrCat(reflection.GetDouble(quota, &field));
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_INT64) return absl::StrCat(reflection.GetInt64(quota, &field));
  return absl::StrCat(reflection.GetInt32(quota, &field));
}

// A field of v1.Quota by its name there.
Setting QuotaField(const std::string& field, std::string help) {
  const FieldDescriptor& descriptor = *v1::Quota::descriptor()->FindFieldByName(field);
  const bool is_real = descriptor.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE;
  Setting row{absl::StrCat("quota.", field), is_real ? "a number" : "a whole number", std::move(help)};
  row.read = [field](absl::string_view text, Settings& settings) { return ReadQuotaField(field, text, settings.quota); };
  row.write = [&descriptor](const Settings& settings) { return QuotaFieldText(settings.quota, descriptor); };
  return row;
}

Setting Gpus(std::string name, std::string help) {
  Setting row = Text(std::move(name), "auto|none|0,1,…", &Settings::gpus, std::move(help));
  row.read = [](absl::string_view text, Settings& settings) {
    if (absl::Status status = CheckGpus(text); !status.ok()) return status;
    settings.gpus = std::string(text);
    return absl::OkStatus();
  };
  return row;
}

std::vector<Setting> MakeTable() {
  return {
      Text("data_dir", "FOLDER", &Settings::data_dir, "Folder that everything is kept in; made when missing. Required."),
      Address("listen", &Settings::listen, "Where gRPC is served; port 0 takes a free one."),
      Address(
          "http", &Settings::http,
          "Where the dashboard, the API for browsers, /healthz, /readyz and /metrics are served over HTTP; port 0 takes a free one. Not "
          "served where this is empty."),
      OneOf("http_tls", {"auto", "on", "off"}, &Settings::http_tls,
            "Whether the HTTP port speaks HTTPS, with tls.cert and tls.key. `auto`: where these are given and it is served beyond this "
            "machine."),
      Text("dashboard", "FOLDER", &Settings::dashboard,
           "Folder with the dashboard's files. Default: share/sliceflow/dashboard beside the folder that sliceflowd is in, where it is "
           "there."),
      Switch("insecure", &Settings::insecure, "Allows to listen beyond this machine without TLS or without tokens."),
      OneOf("authentication", {"none", "tokens"}, &Settings::authentication,
            "Whether clients must show a token of `sliceflowd token create`; without, everybody may do everything."),
      TlsFile("tls.cert", &TlsFiles::cert,
              "Certificate chain in PEM; with it and tls.key connections are encrypted. Read again when it changes."),
      TlsFile("tls.key", &TlsFiles::key, "Private key of tls.cert in PEM. Read again when it changes."),
      TlsFile("tls.client_ca", &TlsFiles::client_ca, "Certificates in PEM, of which one must have signed that of a client (mutual TLS)."),
      Text(
          "ready_file", "FILE", &Settings::ready_file,
          R"(File to write once it serves: {"grpc": "host:port", "http": "host:port", "workers": "host:port", "pid": number}; removed when it stops.)"),
      Text("worker", "FILE", &Settings::worker, "The worker program. Default: sliceflow-worker beside sliceflowd."),
      OneOf("worker_sandbox", {"off", "best-effort", "required"}, &Settings::worker_sandbox,
            "Whether workers are caged: without files, network, processes and privileges. `best-effort` goes on where this machine "
            "does not have what it takes."),
      Text("worker_user", "NAME", &Settings::worker_user,
           "Name or number of the user that workers of a daemon of root's become. Default: nobody."),
      Bytes("worker_memory_bytes", kLeastWorkerMemory, &Settings::worker_memory_bytes,
            "Most memory of its own that a worker may take, at least 268435456 (256 MiB). 0: as much as the machine has."),
      Span("worker_cpu_time", absl::ZeroDuration(), absl::Hours(24 * 365), &Settings::worker_cpu_time,
           "Processor time after which a worker is ended, and its job goes on in another. 0: no bound."),
      Span("worker_attach_timeout", absl::Seconds(1), absl::Hours(1), &Settings::worker_attach_timeout,
           "Time that a worker may take to start; its device is not healthy after it."),
      Address(
          "workers.listen", &Settings::workers_listen,
          "Where workers of other machines attach, with a certificate, over TLS with tls.cert and tls.key; port 0 takes a free one. They "
          "do not where this is empty."),
      Text("workers.client_ca", "FILE", &Settings::workers_client_ca,
           "Certificates in PEM, of which one must have signed that of a worker: an authority of its own, because a worker sees every job "
           "that "
           "it is given. Required with workers.listen. Read again when it changes."),
      OneOf("workers.local", {"all", "queries", "none"}, &Settings::workers_local,
            "Which workers the daemon starts itself: `all`, the one for short requests (`queries`), or none. Others than `all` need "
            "workers.listen."),
      Whole("threads", 0, kMaxThreads, &Settings::threads, "Threads that jobs are computed with. 0: as many as this process has cores."),
      Gpus("gpus",
           "GPUs that get a worker each, by their numbers as `nvidia-smi` has them (parts of a divided one count as GPUs). `auto`: all, "
           "where "
           "there are a driver and the plugin. `none`: none."),
      OneOf("gpu_precision", {"fp32", "tf32", "bf16"}, &Settings::gpu_precision,
            "What gradients of sliced transport are computed in on GPUs."),
      Span("shutdown_time", absl::Seconds(3), absl::Hours(1), &Settings::shutdown_time, "Time to end in after SIGTERM or SIGINT."),
      OneOf("log.level", {"debug", "info", "warn", "error"}, &Settings::log_level, "What is written to standard error."),
      OneOf("log.format", {"text", "json"}, &Settings::log_format, "Lines for people, or one JSON object a line."),
      RetentionSpan("undelete_window", &jobs::RetentionOptions::undelete_window,
                    "How long a deleted job can be undeleted; then it is removed for good."),
      RetentionSpan("max_age", &jobs::RetentionOptions::max_age, "Jobs that ended longer ago are deleted. 0: no bound."),
      RetentionCount("max_jobs", &jobs::RetentionOptions::max_jobs,
                     "Most ended jobs of an owner; of more, those that ended first are deleted. 0: no bound."),
      RetentionCount("max_bytes", &jobs::RetentionOptions::max_bytes,
                     "Most bytes of samples and checkpoints, of all jobs together; of more, deleted jobs are purged, then those that "
                     "ended first. 0: no bound."),
      RetentionCount("max_events_per_job", &jobs::RetentionOptions::max_events_per_job,
                     "Most events of a job; of more, the oldest are dropped with the samples of their steps. 0: no bound."),
      QuotaField("max_running_jobs", "Most jobs of an owner that run at once; more wait. 0: no bound."),
      QuotaField("max_queued_jobs", "Most jobs of an owner that wait or are paused. 0: no bound."),
      QuotaField("max_stored_bytes", "Most bytes of samples, checkpoints and data sets of an owner. 0: no bound."),
      QuotaField("max_pending_steps", "Most steps still to be computed of an owner, over all jobs that have not ended. 0: no bound."),
      QuotaField("max_requests_per_second", "Most calls of an owner a second, counted over ten seconds. 0: no bound."),
      QuotaField("max_watches", "Most watches of an owner at once. 0: no bound."),
      QuotaField("max_priority", "Highest priority of an owner's jobs, at most 100."),
  };
}

}  // namespace

std::string Setting::Flag() const { return absl::StrCat("--", absl::StrReplaceAll(name, {{".", "-"}, {"_", "-"}})); }

std::string Setting::Variable() const {
  return absl::StrCat("SLICEFLOWD_", absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{".", "_"}})));
}

const std::vector<Setting>& AllSettings() {
  static const auto& table = *new std::vector<Setting>(MakeTable());
  return table;
}

const Setting* FindSetting(absl::string_view name) {
  const std::vector<Setting>& table = AllSettings();
  const auto found = std::find_if(table.begin(), table.end(), [&](const Setting& setting) { return setting.name == name; });
  return found == table.end() ? nullptr : &*found;
}

absl::Status ReadQuotaField(absl::string_view field, absl::string_view text, v1::Quota& quota) {
  const FieldDescriptor* descriptor = v1::Quota::descriptor()->FindFieldByName(std::string(field));
  if (descriptor == nullptr) return absl::NotFoundError(absl::StrCat("a quota has no ", field));
  const google::protobuf::Reflection& reflection = *quota.GetReflection();
  if (descriptor->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
    double value = 0;
    if (!absl::SimpleAtod(text, &value) || !(value >= 0 && value <= 1e9)) return MustBe("a number from 0 to 1e9");
    reflection.SetDouble(&quota, descriptor, value);
    return absl::OkStatus();
  }
  const bool is_long = descriptor->cpp_type() == FieldDescriptor::CPPTYPE_INT64;
  int64_t most = is_long ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int32_t>::max();
  if (field == "max_priority") most = api::kLargestPriority;
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < 0 || value > most) return MustBe(absl::StrCat("a whole number from 0 to ", most));
  if (is_long) {
    reflection.SetInt64(&quota, descriptor, value);
  } else {
    reflection.SetInt32(&quota, descriptor, static_cast<int32_t>(value));
  }
  return absl::OkStatus();
}

std::string SettingsAsMarkdown() {
  const Settings defaults;
  std::string table = "| in the file | flag | variable | value | default | meaning |\n|---|---|---|---|---|---|\n";
  for (const Setting& setting : AllSettings()) {
    const std::string value = setting.write(defaults);
    absl::StrAppend(&table, "| `", setting.name, "` | `", setting.Flag(), "` | `", setting.Variable(), "` | ",
                    absl::StrReplaceAll(setting.takes, {{"|", "\\|"}}), " | ", value.empty() ? "" : absl::StrCat("`", value, "`"), " | ",
                    setting.help, " |\n");
  }
  return table;
}

}  // namespace sliceflow::daemon
