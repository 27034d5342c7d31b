#include "client/cli/completion.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/cli/commands.h"
#include "client/cli/errors.h"

namespace sliceflow::cli {
namespace {

std::vector<const CLI::App*> Commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<const CLI::Option*> Options(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->nonpositional(); });
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// The options of a command and of those below it, whose own place none of the shells' scripts tells apart.
std::vector<const CLI::Option*> OptionsBelow(const CLI::App& command) {
  std::vector<const CLI::Option*> options = Options(command);
  for (const CLI::App* inner : Commands(command)) {
    for (const CLI::Option* option : Options(*inner)) {
      if (command.get_option_no_throw(option->get_name()) == nullptr) options.push_back(option);
    }
  }
  return options;
}

std::string Words(const std::vector<const CLI::Option*>& options) {
  std::vector<std::string> words;
  for (const CLI::Option* option : options) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  return absl::StrJoin(words, " ");
}

std::string CommandNames(const CLI::App& app) {
  return absl::StrJoin(Commands(app), " ", [](std::string* out, const CLI::App* command) { absl::StrAppend(out, command->get_name()); });
}

// What stands directly behind a command where that is one of a few words: the names of those below it, or of a shell.
std::string Nouns(const CLI::App& command) { return command.get_name() == "completion" ? "bash zsh fish" : CommandNames(command); }

std::string Bash(const CLI::App& app) {
  std::string cases;
  for (const CLI::App* command : Commands(app)) {
    absl::StrAppend(&cases, "    ", command->get_name(), ") words=\"", Words(OptionsBelow(*command)), " ", Words(Options(app)),
                    "\" nouns=\"", Nouns(*command), "\" ;;\n");
  }
  return absl::StrCat(R"(# Completion of sliceflow for bash: source <(sliceflow completion bash)
_sliceflow() {
  local word=${COMP_WORDS[COMP_CWORD]} command= i words nouns=
  for ((i = 1; i < COMP_CWORD; i++)); do
    case " )",
                      CommandNames(app), R"( " in *" ${COMP_WORDS[i]} "*) command=${COMP_WORDS[i]}; break ;; esac
  done
  case $command in
)",
                      cases, R"(    *) words=")", CommandNames(app), " ", Words(Options(app)), R"(" ;;
  esac
  if [[ -n $nouns && ${COMP_WORDS[COMP_CWORD-1]} == "$command" && $word != -* ]]; then
    COMPREPLY=($(compgen -W "$nouns" -- "$word"))
  elif [[ -n $command && $word != -* ]]; then
    COMPREPLY=($(compgen -f -- "$word"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  fi
}
complete -o filenames -F _sliceflow sliceflow
)");
}

std::string ShellQuoted(const std::string& text) { return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'"); }

// zsh's _arguments reads brackets and colons in descriptions.
std::string ZshText(const std::string& text) { return absl::StrReplaceAll(text, {{"[", "("}, {"]", ")"}, {":", " "}}); }

std::string ZshOptions(const std::vector<const CLI::Option*>& options) {
  std::string lines;
  for (const CLI::Option* option : options) {
    for (const std::string& name : option->get_lnames()) {
      const std::string value = TakesValue(*option) ? ":value:_files" : "";
      absl::StrAppend(&lines, " ", ShellQuoted(absl::StrCat("--", name, "[", ZshText(option->get_description()), "]", value)));
    }
  }
  return lines;
}

std::string Zsh(const CLI::App& app) {
  std::string commands, cases;
  for (const CLI::App* command : Commands(app)) {
    absl::StrAppend(&commands, "    ", ShellQuoted(absl::StrCat(command->get_name(), ":", ZshText(command->get_description()))), "\n");
    const std::string nouns = Nouns(*command);
    const std::string rest = nouns.empty() ? "'*:file:_files'" : absl::StrCat("'1:word:(", nouns, ")' '*:file:_files'");
    absl::StrAppend(&cases, "    ", command->get_name(), ") _arguments", ZshOptions(OptionsBelow(*command)), ZshOptions(Options(app)), " ",
                    rest, " ;;\n");
  }
  return absl::StrCat(
      "#compdef sliceflow\n# Completion of sliceflow for zsh: source <(sliceflow completion zsh)\n_sliceflow() {\n  local -a commands=(\n",
      commands, "  )\n  local line state\n  _arguments -C", ZshOptions(Options(app)), " '1:command:->command' '*::argument:->argument'\n",
      "  case $state in\n    command) _describe command commands ;;\n    argument)\n  case $line[1] in\n", cases,
      "  esac ;;\n  esac\n}\ncompdef _sliceflow sliceflow\n");
}

std::string FishOptions(const std::vector<const CLI::Option*>& options, const std::string& condition) {
  std::string lines;
  for (const CLI::Option* option : options) {
    for (const std::string& name : option->get_lnames()) {
      absl::StrAppend(&lines, "complete -c sliceflow", condition, " -l ", name, TakesValue(*option) ? " -r" : "", " -d ",
                      ShellQuoted(option->get_description()), "\n");
    }
  }
  return lines;
}

std::string Fish(const CLI::App& app) {
  std::string script = "# Completion of sliceflow for fish: sliceflow completion fish | source\n" + FishOptions(Options(app), "");
  for (const CLI::App* command : Commands(app)) {
    const std::string seen = absl::StrCat(" -n '__fish_seen_subcommand_from ", command->get_name(), "'");
    absl::StrAppend(&script, "complete -c sliceflow -f -n __fish_use_subcommand -a ", command->get_name(), " -d ",
                    ShellQuoted(command->get_description()), "\n", FishOptions(OptionsBelow(*command), seen));
    if (const std::string nouns = Nouns(*command); !nouns.empty()) {
      absl::StrAppend(&script, "complete -c sliceflow -f", seen, " -a '", nouns, "'\n");
    }
  }
  return script;
}

}  // namespace

std::string CompletionScript(const CLI::App& app, const std::string& shell) {
  if (shell == "bash") return Bash(app);
  if (shell == "zsh") return Zsh(app);
  if (shell == "fish") return Fish(app);
  return "";
}

void AddCompletionCommand(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  CLI::App* completion = app.add_subcommand("completion", "Print the completion script of a shell");
  completion->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->callback([&app, &context, shell] {
    context.run = [&app, &context, shell] {
      std::string script = CompletionScript(app, *shell);
      script.pop_back();
      context.console.Data(script);
      return static_cast<int>(kExitSuccess);
    };
  });
}

}  // namespace sliceflow::cli
