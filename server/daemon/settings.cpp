#include "server/daemon/settings.h"

#include <pwd.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/filesystem.h"
#include "common/quoted.h"
#include "common/suggestion.h"
#include "server/daemon/ready_file.h"
#include "server/daemon/settings_table.h"
#include "server/daemon/tls.h"
#include "server/jobs/tokens.h"
#include "server/store/data_folder.h"

namespace sliceflow::daemon {
namespace {

constexpr absl::string_view kOwners = "quota.owners.";
constexpr absl::string_view kVariables = "SLICEFLOWD_";
constexpr absl::string_view kConfigVariable = "SLICEFLOWD_CONFIG";

// The cores this process may use, which may be fewer than the machine has.
int Cores() {
  cpu_set_t cores;
  const int count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
  return std::clamp(count, 1, kMaxThreads);
}

// The folder that this program is in.
std::filesystem::path ProgramFolder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

bool HoldsDashboard(const std::filesystem::path& folder) {
  std::error_code error;
  return std::filesystem::is_regular_file(folder / "index.html", error);
}

// Where it is installed; empty where it is not.
std::string InstalledDashboard() {
  const std::filesystem::path folder = ProgramFolder().parent_path() / "share" / "sliceflow" / "dashboard";
  return HoldsDashboard(folder) ? folder.string() : "";
}

std::string Wrong(const GivenSetting& given, const absl::Status& why) {
  return absl::StrCat(given.source, ": ", given.name, ": must be ", std::string(why.message()), "; it is ", Quoted(given.value));
}

std::string Unknown(const GivenSetting& given) {
  std::vector<std::string> names;
  for (const Setting& setting : AllSettings()) names.push_back(setting.name);
  const std::string nearest = NearestWord(given.name, names);
  return absl::StrCat(given.source, ": there is no setting ", given.name,
                      nearest.empty() ? "; `sliceflowd config print` lists them" : absl::StrCat("; did you mean ", nearest, "?"));
}

// What Kubernetes tells every container of a service: where it is.
bool IsOfKubernetes(absl::string_view variable) {
  absl::ConsumePrefix(&variable, kVariables);
  return variable == "SERVICE_HOST" || absl::StartsWith(variable, "SERVICE_PORT") || variable == "PORT" ||
         absl::StartsWith(variable, "PORT_");
}

bool UserExists(const std::string& name) {
  int number = 0;
  return getpwnam(name.c_str()) != nullptr || (absl::SimpleAtoi(name, &number) && number > 0);
}

// Where the ready file lies in the data folder, as a path from there; empty where it lies elsewhere. Both may be still to be made.
std::filesystem::path PlaceInDataFolder(const Settings& settings) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path file = fs::absolute(settings.ready_file, error);
  const fs::path folder = fs::weakly_canonical(file.parent_path(), error);
  // Without the slash at its end that it may have.
  const fs::path data = (fs::weakly_canonical(fs::absolute(settings.data_dir, error), error) / "").parent_path();
  const fs::path place = (folder / file.filename()).lexically_relative(data);
  return place.empty() || *place.begin() == ".." ? fs::path() : place;
}

// What would be right for a ready file, which is written over what is there, and removed in the end; empty where it is right.
std::string CheckReadyFile(const Settings& settings) {
  namespace fs = std::filesystem;
  if (settings.ready_file.empty()) return "";
  std::error_code error;
  const fs::path place = PlaceInDataFolder(settings), folder = fs::absolute(settings.ready_file, error).parent_path();
  const bool made = !place.empty() && !place.has_parent_path();  // with the data folder
  if (!made && !fs::is_directory(folder, error)) {
    return absl::StrCat("must lie in a folder that exists; \"", folder.string(), "\" is none");
  }
  if (place.empty()) return "";
  if (!made || store::IsNameOfDataFolder(place.string())) {
    return absl::StrCat("must be a name that the data folder has for nothing else; \"", settings.ready_file, "\" is none");
  }
  if (!fs::exists(fs::symlink_status(settings.ready_file, error)) || ReadyFile::IsAt(RealFileSystem(), settings.ready_file)) return "";
  return absl::StrCat("must not replace something else in the data folder; \"", settings.ready_file, "\" is no ready file");
}

// What is wrong with paths and names as this machine has them, as name and what would be right.
std::vector<std::pair<const char*, std::string>> CheckMachine(const Settings& settings) {
  namespace fs = std::filesystem;
  std::vector<std::pair<const char*, std::string>> problems;
  std::error_code error;
  if (fs::exists(settings.data_dir, error) && !fs::is_directory(settings.data_dir, error)) {
    problems.emplace_back("data_dir", absl::StrCat("must be a folder; \"", settings.data_dir, "\" is a file"));
  }
  if (std::string problem = CheckReadyFile(settings); !problem.empty()) problems.emplace_back("ready_file", std::move(problem));
  if (!settings.worker_user.empty() && !UserExists(settings.worker_user)) {
    problems.emplace_back("worker_user",
                          absl::StrCat("must be a user of this machine other than root; there is no \"", settings.worker_user, "\""));
  }
  if (access(settings.worker.c_str(), X_OK) != 0) {
    problems.emplace_back("worker", absl::StrCat("\"", settings.worker, "\" is no program that can be run"));
  }
  if (!settings.dashboard.empty() && !HoldsDashboard(settings.dashboard)) {
    problems.emplace_back("dashboard", absl::StrCat("must be a folder with the dashboard; \"", settings.dashboard, "\" has no index.html"));
  }
  return problems;
}

// `quota.owners.NAME.FIELD`.
std::string ReadOwnerQuota(const GivenSetting& given, Settings& settings) {
  const absl::string_view rest = absl::StripPrefix(given.name, kOwners);
  const size_t dot = rest.rfind('.');
  if (dot == absl::string_view::npos || dot == 0) {
    return absl::StrCat(given.source, ": ", given.name, ": must be a mapping of limits, such as {max_watches: 2}; it is ",
                        Quoted(given.value));
  }
  const std::string owner(rest.substr(0, dot));
  if (!jobs::IsOwnerName(owner)) {
    return absl::StrCat(given.source, ": ", given.name, ": no token has the owner ", Quoted(owner),
                        ": it must match [a-z0-9][a-z0-9._@-]{0,62}");
  }
  v1::Quota& quota = settings.owner_quotas.try_emplace(owner, settings.quota).first->second;
  const absl::Status status = ReadQuotaField(rest.substr(dot + 1), given.value, quota);
  if (absl::IsNotFound(status))
    return absl::StrCat(given.source, ": there is no setting ", given.name, ": ", std::string(status.message()));
  return status.ok() ? "" : Wrong(given, status);
}

// The setting whose file holds the authority of workers too; null where none does.
const char* SameAuthority(const TlsTexts& own, const std::string& of_workers) {
  if (of_workers == own.client_ca) return "tls.client_ca";
  return of_workers == own.cert ? "tls.cert" : nullptr;
}

// What is wrong with what is said of workers of other machines, as name and what would be right.
std::vector<std::pair<const char*, std::string>> CheckWorkers(const Settings& settings) {
  std::vector<std::pair<const char*, std::string>> problems;
  if (!settings.workers_listen.has_value()) {
    if (!settings.workers_client_ca.empty()) {
      problems.emplace_back("workers.client_ca", "is of no use without workers.listen, the port that it is for");
    }
    if (settings.workers_local != "all") {
      problems.emplace_back("workers.local", absl::StrCat(settings.workers_local, " leaves no worker for jobs without workers.listen"));
    }
    return problems;
  }
  std::vector<std::string> missing;
  if (settings.tls.cert.empty()) missing.emplace_back("tls.cert");
  if (settings.tls.key.empty()) missing.emplace_back("tls.key");
  if (settings.workers_client_ca.empty()) missing.emplace_back("workers.client_ca");
  if (!missing.empty()) {
    problems.emplace_back("workers.listen", absl::StrCat("takes TLS, and certificates of workers: give ", absl::StrJoin(missing, ", ")));
  } else if (const absl::StatusOr<TlsTexts> own = ReadTlsFiles(settings.tls); own.ok()) {
    const absl::StatusOr<TlsTexts> of_workers = ReadTlsFiles(settings.WorkersTls());
    if (!of_workers.ok()) {
      problems.emplace_back("workers.listen", std::string(of_workers.status().message()));
    } else if (const char* same = SameAuthority(*own, of_workers->client_ca); same != nullptr) {
      problems.emplace_back("workers.client_ca",
                            absl::StrCat(settings.workers_client_ca, " holds the same as ", same,
                                         ": whoever that is for could attach as a worker, and see every job; give an authority that signs "
                                         "workers alone"));
    }
  }
  for (const auto& [name, other] : {std::pair{"listen", std::optional(settings.listen)}, std::pair{"http", settings.http}}) {
    if (!other.has_value() || other->port == 0 || other->ToString() != settings.workers_listen->ToString()) continue;
    problems.emplace_back("workers.listen", absl::StrCat(other->ToString(), " is what ", name, " is; each needs a port of its own"));
  }
  return problems;
}

// What is wrong with a port beyond this machine that is not guarded.
std::string OpenToAll(absl::string_view source, absl::string_view name, const ListenAddress& address, bool encrypted,
                      const Settings& settings) {
  const bool asks = settings.authentication == "tokens";
  return absl::StrCat(source, ": ", name, ": ", address.ToString(), ": without ", encrypted ? "" : "TLS (--tls-cert, --tls-key)",
                      encrypted || asks ? "" : " and ", asks ? "" : "--authentication tokens",
                      " anyone on the network could read and steer jobs. Listen on 127.0.0.1, or add --insecure where the network is ",
                      "trusted.");
}

}  // namespace

absl::Status OfSetting(absl::string_view name, const absl::Status& status) {
  return status.ok() ? status : absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
}

void AddEnvironment(const char* const* environment, GivenSettings& given) {
  std::map<std::string, std::string> variables;
  for (; *environment != nullptr; ++environment) {
    const std::pair<std::string, std::string> entry = absl::StrSplit(*environment, absl::MaxSplits('=', 1));
    if (absl::StartsWith(entry.first, kVariables)) variables.insert(entry);
  }
  std::vector<std::string> names{std::string(kConfigVariable)};
  for (const Setting& setting : AllSettings()) {
    names.push_back(setting.Variable());
    if (const auto variable = variables.find(names.back()); variable != variables.end()) {
      given.values.push_back({setting.name, variable->second, variable->first});
    }
  }
  std::vector<std::string> words;  // what all begin with would count as likeness
  for (const std::string& name : names) {
    variables.erase(name);
    words.push_back(name.substr(kVariables.size()));
  }
  for (const auto& [name, value] : variables) {
    if (IsOfKubernetes(name)) continue;
    const std::string nearest = NearestWord(name.substr(kVariables.size()), words);
    given.problems.push_back(absl::StrCat(
        name, ": no setting has this variable",
        nearest.empty() ? "; `sliceflowd config table` lists them" : absl::StrCat("; did you mean ", kVariables, nearest, "?")));
  }
}

absl::StatusOr<ResolvedSettings> ResolveSettings(const GivenSettings& given) {
  ResolvedSettings resolved;
  std::vector<std::string> problems = given.problems;
  const auto is_owners = [](const GivenSetting& one) { return absl::StartsWith(one.name, kOwners); };
  for (const GivenSetting& one : given.values) {
    if (is_owners(one)) continue;
    const Setting* setting = FindSetting(one.name);
    if (setting == nullptr) {
      problems.push_back(Unknown(one));
      continue;
    }
    const absl::Status status = setting->read(one.value, resolved.settings);
    if (!status.ok()) problems.push_back(Wrong(one, status));
    resolved.sources[one.name] = one.source;
  }
  // After the quota of all, which theirs begin with.
  for (const GivenSetting& one : given.values) {
    if (!is_owners(one)) continue;
    if (std::string problem = ReadOwnerQuota(one, resolved.settings); !problem.empty()) problems.push_back(std::move(problem));
    resolved.sources[one.name] = one.source;
  }
  if (!problems.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  if (resolved.settings.threads == 0) resolved.settings.threads = Cores();
  if (resolved.settings.worker.empty()) resolved.settings.worker = (ProgramFolder() / "sliceflow-worker").string();
  if (resolved.settings.dashboard.empty()) resolved.settings.dashboard = InstalledDashboard();
  return resolved;
}

absl::Status CheckForServing(const ResolvedSettings& resolved) {
  const Settings& settings = resolved.settings;
  std::vector<std::string> problems;
  const auto source = [&](const char* name) {
    const auto found = resolved.sources.find(name);
    return found == resolved.sources.end() ? FindSetting(name)->Flag() : found->second;
  };
  if (settings.data_dir.empty()) problems.push_back("--data-dir: must be given: the folder that everything is kept in");
  if (absl::Status status = CheckTlsFiles(settings.tls); !status.ok()) problems.emplace_back(status.message());
  const bool guarded = settings.tls.enabled() && settings.authentication == "tokens";
  if (!settings.listen.loopback() && !guarded && !settings.insecure) {
    problems.push_back(OpenToAll(source("listen"), "listen", settings.listen, settings.tls.enabled(), settings));
  }
  if (settings.http_tls == "on" && !settings.tls.enabled()) {
    problems.push_back(absl::StrCat(source("http_tls"), ": http_tls: on takes a certificate: give --tls-cert and --tls-key"));
  }
  const bool http_guarded = settings.encrypts_http() && settings.authentication == "tokens";
  if (settings.http.has_value() && !settings.http->loopback() && !http_guarded && !settings.insecure) {
    problems.push_back(OpenToAll(source("http"), "http", *settings.http, settings.encrypts_http(), settings));
  }
  if (settings.http.has_value() && settings.listen.port != 0 && settings.http->ToString() == settings.listen.ToString()) {
    problems.push_back(
        absl::StrCat(source("http"), ": http: ", settings.http->ToString(), " is what listen is; each needs a port of its own"));
  }
  for (const auto& [name, problem] : CheckWorkers(settings)) problems.push_back(absl::StrCat(source(name), ": ", name, ": ", problem));
  for (const auto& [name, problem] : CheckMachine(settings)) problems.push_back(absl::StrCat(source(name), ": ", name, ": ", problem));
  return problems.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

}  // namespace sliceflow::daemon
