// `sliceflowd config`: what the settings are and whether they will do.
#include <iostream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/daemon/command_line.h"
#include "server/daemon/settings_table.h"

namespace sliceflow::daemon {
namespace {

int Check(const ResolvedSettings& resolved) {
  const absl::Status status = CheckForServing(resolved);
  if (!status.ok()) return Fail(status, kUsage);
  std::cout << "the settings are sound\n";
  return kSuccess;
}

// As the file takes them, each with where it came from.
int Print(const ResolvedSettings& resolved) {
  const auto print = [&](const std::string& name, const std::string& value) {
    const auto source = resolved.sources.find(name);
    std::cout << name << ": \"" << absl::CEscape(value) << "\"  # " << (source == resolved.sources.end() ? "default" : source->second)
              << "\n";
  };
  for (const Setting& setting : AllSettings()) print(setting.name, setting.write(resolved.settings));
  for (const auto& [owner, quota] : resolved.settings.owner_quotas) {
    Settings as_owner;
    as_owner.quota = quota;
    for (const Setting& setting : AllSettings()) {
      absl::string_view field = setting.name;
      if (!absl::ConsumePrefix(&field, "quota.")) continue;
      const std::string name = absl::StrCat("quota.owners.", owner, ".", field);
      if (resolved.sources.count(name) > 0) print(name, setting.write(as_owner));
    }
  }
  return kSuccess;
}

}  // namespace

void AddConfigCommands(CLI::App& program, std::vector<Command>& commands) {
  CLI::App* const config = program.add_subcommand("config", "Looks at the settings");
  config->require_subcommand(1);
  commands.push_back({config->add_subcommand("check", "Says whether sliceflowd would serve with these settings"), Check});
  commands.push_back({config->add_subcommand("print", "Prints the value of every setting and where it comes from"), Print});
  commands.push_back({config->add_subcommand("table", "Prints every setting as a table in Markdown"), [](const ResolvedSettings&) {
                        std::cout << SettingsAsMarkdown();
                        return kSuccess;
                      }});
}

}  // namespace sliceflow::daemon
