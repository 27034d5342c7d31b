// The one table of settings: the file's names, flags, variables, help, `config print` and the page of documentation are made from it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/daemon/settings.h"

namespace sliceflow::daemon {

struct Setting {
  std::string name;        // in the file: `log.level`
  std::string takes;       // what a value looks like, for people: `HOST:PORT`, `1 to 256`
  std::string help;        // meaning and unit
  bool is_switch = false;  // its flag needs no value
  // InvalidArgument whose message goes on after "must be".
  std::function<absl::Status(absl::string_view text, Settings& settings)> read;
  // The value as `read` takes it.
  std::function<std::string(const Settings& settings)> write;

  std::string Flag() const;      // --log-level
  std::string Variable() const;  // SLICEFLOWD_LOG_LEVEL
};

// In the order in which people read them.
const std::vector<Setting>& AllSettings();

// Null where there is none.
const Setting* FindSetting(absl::string_view name);

// Sets a field of a quota by its name in the contract. NotFound for a name that is none; InvalidArgument as Setting::read.
absl::Status ReadQuotaField(absl::string_view field, absl::string_view text, v1::Quota& quota);

// Every setting as a row of a Markdown table, with its header.
std::string SettingsAsMarkdown();

}  // namespace sliceflow::daemon
