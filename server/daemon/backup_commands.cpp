// `sliceflowd backup`, `restore` and `check`: a data folder looked after by hand. None of them needs a daemon, and all but `restore` may be
// used beside one.
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "server/daemon/command_line.h"
#include "server/store/backup.h"
#include "server/store/folder_check.h"

namespace sliceflow::daemon {
namespace {

int NeedDataDir() { return Fail(absl::InvalidArgumentError("--data-dir: must be given"), kUsage); }

int BackUp(const std::string& data_dir, const std::string& to) {
  if (data_dir.empty()) return NeedDataDir();
  const auto report = store::BackUp(data_dir, to);
  if (!report.ok()) return Fail(report.status());
  std::cout << "backed up " << report->files << " files, " << report->bytes << " bytes, into " << to << "\n";
  if (report->damaged.empty()) return kSuccess;
  for (const std::string& key : report->damaged) std::cerr << "damaged before it was backed up: blob " << key << "\n";
  return kFailure;
}

int Restore(const std::string& from, const std::string& data_dir) {
  if (data_dir.empty()) return NeedDataDir();
  const absl::Status status = store::Restore(from, data_dir);
  if (!status.ok()) return Fail(status);
  std::cout << "restored into " << data_dir << "\n";
  return kSuccess;
}

int Check(const std::string& data_dir) {
  if (data_dir.empty()) return NeedDataDir();
  const auto check = store::CheckFolder(data_dir);
  if (!check.ok()) return Fail(check.status());
  for (const std::string& note : check->notes) std::cout << "note: " << note << "\n";
  for (const std::string& problem : check->problems) std::cout << "problem: " << problem << "\n";
  std::cout << check->files << " files checked, " << check->problems.size() << " problems\n";
  return check->problems.empty() ? kSuccess : kFailure;
}

}  // namespace

void AddBackupCommands(CLI::App& program, std::vector<Command>& commands) {
  const auto folder = std::make_shared<std::string>();  // CLI11 fills it while it parses, after this has returned
  CLI::App* const backup = program.add_subcommand("backup", "Copies the data folder, also while a daemon uses it, into a new folder");
  backup->add_option("--to", *folder, "New folder for the backup")->type_name("FOLDER")->required();
  commands.push_back({backup, [folder](const ResolvedSettings& resolved) { return BackUp(resolved.settings.data_dir, *folder); }});
  CLI::App* const restore = program.add_subcommand("restore", "Makes a new data folder (--data-dir) from a backup");
  restore->add_option("--from", *folder, "Folder of the backup")->type_name("FOLDER")->required();
  commands.push_back({restore, [folder](const ResolvedSettings& resolved) { return Restore(*folder, resolved.settings.data_dir); }});
  commands.push_back({program.add_subcommand("check", "Says whether everything in the data folder is sound, also while a daemon uses it"),
                      [](const ResolvedSettings& resolved) { return Check(resolved.settings.data_dir); }});
}

}  // namespace sliceflow::daemon
