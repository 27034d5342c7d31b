#include "server/engine/expressions/lexical.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/engine/expressions/refusal.h"

namespace sliceflow::engine {
namespace {

constexpr int kMaxTokens = 8192;
// A level of the parser's tree takes its word or sign, and a few hundred bytes of stack in each of several functions: 500 of them stay
// below a quarter of a thread's 8 MiB.
constexpr int kMaxDepth = 500;
constexpr int kMaxBlocks = 16;
constexpr int kMaxBranches = 256;
constexpr size_t kMaxName = 64;
constexpr size_t kMaxNumber = 40;
constexpr size_t kMaxText = 64;

struct Word {
  const char* word;
  const char* reason;
};

constexpr Word kRefusedWords[] = {
    {"while", "`while` may run for ever; use `for i in range(N)`"},
    {"print", "`print` writes, and an expression only computes"},
    {"import", "`import` brings in other code; `torch` is there already"},
    {"from", "`from` brings in other code; `torch` is there already"},
    {"class", "`class` defines a type, and an expression is made of functions"},
    {"lambda", "`lambda` makes a function while it runs; define it with `def`"},
    {"exec", "`exec` runs code that is made while it runs"},
    {"eval", "`eval` runs code that is made while it runs"},
    {"compile", "`compile` runs code that is made while it runs"},
    {"open", "`open` reads or writes a file"},
    {"assert", "`assert` raises an exception, and an expression has a value everywhere; use torch.where"},
    {"raise", "`raise` throws an exception, and an expression has a value everywhere; use torch.where"},
    {"try", "`try` handles exceptions, and an expression raises none"},
    {"except", "`except` handles exceptions, and an expression raises none"},
    {"finally", "`finally` handles exceptions, and an expression raises none"},
    {"with", "`with` changes the state of the program, and an expression only computes"},
    {"del", "`del` changes the state of the program, and an expression only computes"},
    {"global", "`global` changes the state of the program, and an expression only computes"},
    {"nonlocal", "`nonlocal` changes the state of the program, and an expression only computes"},
    {"yield", "`yield` suspends, and an expression only computes"},
    {"async", "`async` suspends, and an expression only computes"},
    {"await", "`await` suspends, and an expression only computes"},
    {"break", "`break` makes the length of a loop depend on values; use torch.where"},
    {"continue", "`continue` makes the course of a loop depend on values; use torch.where"},
};

bool IsNameStart(char c) { return absl::ascii_isalpha(c) || c == '_'; }
bool IsNamePart(char c) { return absl::ascii_isalnum(c) || c == '_'; }
bool IsQuote(char c) { return c == '"' || c == '\''; }

// One pass from left to right.
class Reader {
 public:
  explicit Reader(absl::string_view source) : source_(source) {}

  ExpressionText Read() {
    if (source_.size() > kMaxExpressionBytes) {
      throw Refused(0, absl::StrCat("the source has ", source_.size(), " bytes; at most ", kMaxExpressionBytes, " are taken"));
    }
    blocks_.push_back(0);
    while (at_ < source_.size()) ReadLine();
    if (levels_.size() > 1) throw Refused(line_ - 1, absl::StrCat("`", std::string(1, levels_.back().sign), "` is not closed"));
    if (tokens_ == 0) throw Refused(0, "the source is empty; define a function, such as def V(x): return 0.5 * (x * x).sum(1)");
    return std::move(result_);
  }

 private:
  // An open bracket, or the line itself. Elements are what stands between commas.
  struct Level {
    char sign = 0;
    int tokens = 0;   // of the element, on this level
    int deepest = 0;  // of the brackets that the element has closed: their depth
    int earlier = 0;  // the greatest depth of the elements before
    int depth() const { return std::max(earlier, tokens + deepest); }
  };

  // A line of the file; in brackets the statement goes on in the next.
  void ReadLine() {
    const size_t begin = at_;
    while (at_ < source_.size() && source_[at_] == ' ') ++at_;
    if (levels_.size() == 1) statement_ = {.indent = at_ - begin};
    kept_.assign(at_ - begin, ' ');
    while (at_ < source_.size() && source_[at_] != '\n') {
      if (source_[at_] == '#') {
        while (at_ < source_.size() && source_[at_] != '\n') ++at_;
        break;
      }
      const size_t token = at_;
      ReadToken();
      Keep(source_.substr(token, at_ - token));
    }
    if (at_ < source_.size()) ++at_;
    EndKept();
    if (levels_.size() == 1) levels_.back() = Level();
    ++line_;
  }

  // What stands behind the head of a block on its line, as in `def V(x): return …`, is put on a line of its own, which the parser wants.
  void Keep(absl::string_view token) {
    if (token != " " && token != "\r") {
      if (!statement_.begun) Indent(static_cast<int>(statement_.indent));
      if (statement_.head_ended) {
        EndKept();
        kept_.assign(statement_.indent + 1, ' ');
        statement_.head_ended = false;
      }
      if (!statement_.begun) statement_.is_head = IsHead(token);
      statement_.begun = true;
      if (token == ":" && levels_.size() == 1 && statement_.is_head) {
        statement_.head_ended = true;
        statement_.is_head = false;
      }
    }
    absl::StrAppend(&kept_, token);
  }

  static bool IsHead(absl::string_view word) { return word == "def" || word == "if" || word == "elif" || word == "else" || word == "for"; }

  void EndKept() {
    absl::StripTrailingAsciiWhitespace(&kept_);
    if (kept_.empty()) return;
    absl::StrAppend(&result_.text, kept_, "\n");
    result_.lines.push_back(line_);
    kept_.clear();
  }

  void Indent(int indent) {
    while (blocks_.size() > 1 && blocks_.back() > indent) blocks_.pop_back();
    if (indent > blocks_.back()) blocks_.push_back(indent);
    if (blocks_.size() > kMaxBlocks + 1) Refuse(absl::StrCat("blocks are nested more than ", kMaxBlocks, " deep"));
  }

  // A word, number, text, sign, or a run of blanks.
  void ReadToken() {
    const char c = source_[at_];
    if (c == ' ' || (c == '\r' && at_ + 1 < source_.size() && source_[at_ + 1] == '\n')) {
      ++at_;
      return;
    }
    Count();
    if (IsNameStart(c)) return ReadName();
    if (absl::ascii_isdigit(c)) return ReadNumber();
    if (IsQuote(c)) return ReadText();
    ReadSign(c);
  }

  void Count() {
    if (++tokens_ > kMaxTokens) Refuse(absl::StrCat("the source has more than ", kMaxTokens, " words and signs"));
    ++levels_.back().tokens;
    CheckDepth();
  }

  void CheckDepth() const {
    if (levels_.back().tokens + levels_.back().deepest <= kMaxDepth && levels_.size() <= kMaxDepth) return;
    Refuse(absl::StrCat("the expression is nested or chained too deeply: more than ", kMaxDepth, " words and signs without a comma"));
  }

  void ReadName() {
    const size_t begin = at_;
    while (at_ < source_.size() && IsNamePart(source_[at_])) ++at_;
    const absl::string_view name = source_.substr(begin, at_ - begin);
    if (name.size() > kMaxName) Refuse(absl::StrCat("a name has ", name.size(), " characters; at most ", kMaxName, " are taken"));
    if (absl::StartsWith(name, "__")) Refuse("names that begin with two underscores belong to the language");
    if (at_ < source_.size() && IsQuote(source_[at_])) Refuse("texts with a prefix, such as f\"\", are made while the program runs");
    for (const Word& refused : kRefusedWords) {
      if (name == refused.word) Refuse(refused.reason);
    }
    const bool branches = name == "if" || name == "elif" || name == "for" || name == "and" || name == "or";
    if (branches && ++branches_ > kMaxBranches) Refuse(absl::StrCat("there are more than ", kMaxBranches, " branches and loops"));
  }

  void ReadNumber() {
    const size_t begin = at_;
    while (at_ < source_.size() && (IsNamePart(source_[at_]) || source_[at_] == '.')) {
      const bool exponent = source_[at_] == 'e' || source_[at_] == 'E';
      ++at_;
      if (exponent && at_ < source_.size() && (source_[at_] == '+' || source_[at_] == '-')) ++at_;
    }
    if (at_ - begin > kMaxNumber) Refuse(absl::StrCat("a number has more than ", kMaxNumber, " characters"));
    if (source_[at_ - 1] == 'j') Refuse("complex numbers have no place in a real function");
  }

  void ReadText() {
    const char quote = source_[at_];
    const size_t begin = ++at_;
    while (at_ < source_.size() && source_[at_] != quote) {
      if (source_[at_] == '\n' || source_[at_] == '\\' || !absl::ascii_isprint(source_[at_])) {
        Refuse("texts stay on one line and have no escapes; comments begin with #");
      }
      ++at_;
    }
    if (at_ == source_.size()) Refuse("a text is not closed");
    if (at_ - begin > kMaxText) Refuse(absl::StrCat("a text has more than ", kMaxText, " characters"));
    ++at_;
    if (at_ < source_.size() && IsQuote(source_[at_])) Refuse("texts stay on one line and have no escapes; comments begin with #");
  }

  void ReadSign(char c) {
    ++at_;
    switch (c) {
      case '(':
      case '[':
        levels_.push_back({.sign = c});
        return CheckDepth();
      case ')':
      case ']':
        return CloseLevel(c);
      case ',':
        levels_.back() = {.sign = levels_.back().sign, .earlier = levels_.back().depth()};
        return;
      case '{':
      case '}':
        Refuse("braces make dictionaries, and an expression computes with tensors and numbers");
      case '\t':
        Refuse("lines are indented with blanks, not with tabs");
      case '\\':
        Refuse("a backslash has no place here; a line in brackets may go on in the next");
      case ';':
        Refuse("one statement a line");
      default:
        if (!absl::StrContains("+-*/%@&|^~<>=!.:", absl::string_view(&c, 1))) {
          const std::string shown = absl::ascii_isprint(c) ? absl::StrCat("`", std::string(1, c), "`")
                                                           : absl::StrCat("the byte ", static_cast<int>(static_cast<unsigned char>(c)));
          Refuse(absl::StrCat(shown, " has no place outside comments"));
        }
    }
  }

  void CloseLevel(char c) {
    if (levels_.back().sign != (c == ')' ? '(' : '[')) Refuse(absl::StrCat("`", std::string(1, c), "` closes nothing"));
    const int depth = levels_.back().depth();
    levels_.pop_back();
    levels_.back().deepest = std::max(levels_.back().deepest, depth);
    CheckDepth();
  }

  [[noreturn]] void Refuse(const std::string& reason) const { throw Refused(line_, reason); }

  // A statement, which may go over several lines in brackets.
  struct Statement {
    size_t indent = 0;
    bool begun = false;
    bool is_head = false;     // of a block, before its colon
    bool head_ended = false;  // just after it
  };

  const absl::string_view source_;
  ExpressionText result_;
  std::string kept_;  // of the line
  Statement statement_;
  size_t at_ = 0;
  int line_ = 1;
  int tokens_ = 0;
  int branches_ = 0;
  std::vector<int> blocks_;  // columns at which the open blocks begin
  std::vector<Level> levels_{Level()};
};

}  // namespace

ExpressionText ReadExpressionText(absl::string_view source) { return Reader(source).Read(); }

}  // namespace sliceflow::engine
