// Shell completion, made from the parser itself so that it cannot fall behind.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace sliceflow::cli {

// The script for `bash`, `zsh` or `fish`; empty for another shell.
std::string CompletionScript(const CLI::App& app, const std::string& shell);

}  // namespace sliceflow::cli
