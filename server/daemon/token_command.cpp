// `sliceflowd token`: makes, lists and revokes tokens, also beside a daemon that runs.

#include <iostream>
#include <memory>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "server/daemon/command_line.h"
#include "server/jobs/tokens.h"
#include "server/store/data_folder.h"

namespace sliceflow::daemon {
namespace {

struct TokenArguments {
  std::string owner;
  std::string role = "user";
  std::string expires;
  std::string description;
  std::string id;
};

// What becomes of a data folder that is not there.
enum class Missing { kMake, kRefuse };

// Runs on the tokens of the data folder.
template <typename Work>
int WithTokens(const ResolvedSettings& resolved, Missing missing, Work work) {
  if (resolved.settings.data_dir.empty()) return Fail(absl::InvalidArgumentError("--data-dir: must be given"), kUsage);
  const absl::Status found = store::CheckIsDataFolder(resolved.settings.data_dir);
  if (!found.ok() && missing == Missing::kRefuse) return Fail(found);
  const absl::StatusOr<std::unique_ptr<store::TokenStore>> store = store::OpenTokenStore(resolved.settings.data_dir);
  if (!store.ok()) return Fail(store.status());
  if (!found.ok()) std::cerr << "made the data folder " << resolved.settings.data_dir << "\n";
  Clock clock;
  jobs::Tokens tokens(**store, clock);
  const absl::Status status = work(tokens);
  if (status.ok()) return kSuccess;
  return Fail(status, absl::IsInvalidArgument(status) ? kUsage : kFailure);
}

constexpr int64_t kMostDays = 36'500;

// 90d, 12h, 30m; nothing for `never`.
absl::StatusOr<std::optional<absl::Time>> ReadExpiry(absl::string_view text) {
  if (text == "never") return std::optional<absl::Time>();
  absl::Duration span;
  int64_t days = 0;
  absl::string_view number = text;
  if (absl::ConsumeSuffix(&number, "d") && absl::SimpleAtoi(number, &days) && days > 0 && days <= kMostDays) {
    span = absl::Hours(24) * days;
  } else if (!absl::ParseDuration(text, &span) || span <= absl::ZeroDuration() || span > absl::Hours(24) * kMostDays) {
    return absl::InvalidArgumentError(absl::StrCat("--expires ", text, ": must be such as 90d, 12h or never, at most ", kMostDays, "d"));
  }
  return absl::Now() + span;
}

absl::Status Create(jobs::Tokens& tokens, const TokenArguments& arguments) {
  const absl::StatusOr<std::optional<absl::Time>> expires = ReadExpiry(arguments.expires);
  if (!expires.ok()) return expires.status();
  v1::Role role = v1::ROLE_UNSPECIFIED;
  v1::Role_Parse(absl::AsciiStrToUpper(arguments.role), &role);
  const absl::StatusOr<std::string> token = tokens.Create(arguments.owner, role, *expires, arguments.description);
  if (!token.ok()) return token.status();
  std::cout << *token << "\n";
  std::cerr << "This is the only time that the token is shown.\n";
  return absl::OkStatus();
}

std::string TimeText(int64_t time_us) {
  return time_us == 0 ? "-" : absl::FormatTime("%Y-%m-%d %H:%M", absl::FromUnixMicros(time_us), absl::UTCTimeZone());
}

std::string StateOf(const store::TokenRow& row) {
  if (row.revoke_time_us != 0) return "revoked";
  return row.expire_time_us != 0 && absl::FromUnixMicros(row.expire_time_us) <= absl::Now() ? "expired" : "valid";
}

absl::Status List(jobs::Tokens& tokens) {
  const absl::StatusOr<std::vector<store::TokenRow>> rows = tokens.List();
  if (!rows.ok()) return rows.status();
  constexpr char kFormat[] = "%-26s  %-20s  %-6s  %-7s  %-16s  %-16s  %-16s  %s\n";
  std::cout << absl::StrFormat(kFormat, "ID", "OWNER", "ROLE", "STATE", "CREATED", "EXPIRES", "LAST USE", "DESCRIPTION");
  for (const store::TokenRow& row : *rows) {
    std::cout << absl::StrFormat(kFormat, row.id, row.owner, absl::AsciiStrToLower(v1::Role_Name(static_cast<v1::Role>(row.role))),
                                 StateOf(row), TimeText(row.create_time_us), TimeText(row.expire_time_us), TimeText(row.last_use_time_us),
                                 row.description);
  }
  return absl::OkStatus();
}

}  // namespace

void AddTokenCommands(CLI::App& program, std::vector<Command>& commands) {
  const auto arguments = std::make_shared<TokenArguments>();
  CLI::App* const token = program.add_subcommand("token", "Makes, lists and revokes the tokens that clients show; the daemon may run");
  token->require_subcommand(1);
  CLI::App* const create = token->add_subcommand("create", "Makes a token and prints it, once");
  create->add_option("--owner", arguments->owner, "Whom it stands for, such as ada or team-7; jobs and data sets belong to owners")
      ->required();
  create->add_option("--role", arguments->role, "What it allows: viewer looks, user also changes, admin does so to everything")
      ->check(CLI::IsMember({"viewer", "user", "admin"}))
      ->capture_default_str();
  create->add_option("--expires", arguments->expires, "How long it counts, such as 90d, 12h or never")->required();
  create->add_option("--description", arguments->description, "What it is for, for people");
  commands.push_back({create, [arguments](const ResolvedSettings& resolved) {
                        return WithTokens(resolved, Missing::kMake, [&](jobs::Tokens& tokens) { return Create(tokens, *arguments); });
                      }});
  commands.push_back({token->add_subcommand("list", "Prints all tokens, without their secrets"),
                      [](const ResolvedSettings& resolved) { return WithTokens(resolved, Missing::kRefuse, List); }});
  CLI::App* const revoke = token->add_subcommand("revoke", "Ends a token at once, for good");
  revoke->add_option("ID", arguments->id, "Its id, as listed")->required();
  commands.push_back({revoke, [arguments](const ResolvedSettings& resolved) {
                        return WithTokens(resolved, Missing::kRefuse, [&](jobs::Tokens& tokens) { return tokens.Revoke(arguments->id); });
                      }});
}

}  // namespace sliceflow::daemon
