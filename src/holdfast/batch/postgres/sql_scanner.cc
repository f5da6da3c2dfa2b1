#include "holdfast/batch/postgres/sql_scanner.h"

#include <utility>

#include "absl/strings/match.h"
#include "holdfast/base/strings.h"

namespace holdfast::batch::postgres {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}
bool IsWordPart(char c) { return IsWordStart(c) || IsDigit(c) || c == '$'; }

// Words and semicolons outside of all quotes, with the depth of parentheses they are at.
struct Token {
  enum class Kind { kWord, kSemicolon, kEnd } kind = Kind::kEnd;
  std::string_view text;
  size_t begin = 0;
  int depth = 0;

  [[nodiscard]] bool is(std::string_view word) const {
    return kind == Kind::kWord && absl::EqualsIgnoreCase(ToAbsl(text), ToAbsl(word));
  }
};

class Scanner {
 public:
  explicit Scanner(std::string_view sql) : sql_(sql) {}

  Token next() {
    while (at_ < sql_.size()) {
      const char c = sql_[at_];
      if (IsWordStart(c)) {
        if (skip_escape_string()) continue;
        return word();
      }
      if (c == ';') return {Token::Kind::kSemicolon, sql_.substr(at_, 1), at_++, depth_};
      skip(c);
    }
    return {Token::Kind::kEnd, {}, sql_.size(), depth_};
  }

 private:
  [[nodiscard]] bool sees(std::string_view text) const {
    return sql_.substr(at_).starts_with(text);
  }

  void skip(char c) {
    if (c == '(') ++depth_;
    if (c == ')') --depth_;
    if (c == '\'' || c == '"') return skip_quoted(c, Escapes::kNone);
    if (sees("--")) return skip_to("\n");
    if (sees("/*")) return skip_comment();
    if (c == '$') return skip_dollar();
    ++at_;
  }

  Token word() {
    const size_t begin = at_;
    while (at_ < sql_.size() && IsWordPart(sql_[at_])) ++at_;
    return {Token::Kind::kWord, sql_.substr(begin, at_ - begin), begin, depth_};
  }

  // E'…\'…'
  bool skip_escape_string() {
    if (!sees("e'") && !sees("E'")) return false;
    ++at_;
    skip_quoted('\'', Escapes::kBackslash);
    return true;
  }

  enum class Escapes { kNone, kBackslash };
  // A doubled quote is two strings side by side here: the same extent.
  void skip_quoted(char quote, Escapes escapes) {
    for (++at_; at_ < sql_.size() && sql_[at_] != quote; ++at_) {
      if (escapes == Escapes::kBackslash && sql_[at_] == '\\') ++at_;
    }
    if (at_ < sql_.size()) ++at_;
  }

  void skip_to(std::string_view end) {
    const size_t found = sql_.find(end, at_);
    at_ = found == std::string_view::npos ? sql_.size() : found + end.size();
  }

  // They nest.
  void skip_comment() {
    int open = 0;
    do {
      if (sees("/*")) {
        ++open;
        at_ += 2;
      } else if (sees("*/")) {
        --open;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (open > 0 && at_ < sql_.size());
  }

  // $1, or $tag$ … $tag$
  void skip_dollar() {
    size_t end = at_ + 1;
    if (end < sql_.size() && IsDigit(sql_[end])) {
      ++at_;
      return;
    }
    while (end < sql_.size() && IsWordPart(sql_[end]) && sql_[end] != '$') ++end;
    if (end >= sql_.size() || sql_[end] != '$') {
      ++at_;
      return;
    }
    const std::string_view tag = sql_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    skip_to(tag);
  }

  std::string_view sql_;
  size_t at_ = 0;
  int depth_ = 0;
};

using Verb = StatementParts::Verb;

Verb VerbOf(const Token& token) {
  if (token.is("SELECT") || token.is("VALUES") || token.is("TABLE")) return Verb::kSelect;
  if (token.is("INSERT")) return Verb::kInsert;
  if (token.is("UPDATE")) return Verb::kUpdate;
  if (token.is("DELETE")) return Verb::kDelete;
  return Verb::kOther;
}

std::string_view WithoutEnd(std::string_view sql) {
  while (!sql.empty() && (IsSpace(sql.back()) || sql.back() == ';')) sql.remove_suffix(1);
  return sql;
}

}  // namespace

StatementParts Dissect(std::string_view sql) {
  StatementParts parts;
  sql = WithoutEnd(sql);
  Scanner scanner(sql);
  const Token first = scanner.next();
  Token verb = first;
  if (first.is("WITH")) {
    do {
      verb = scanner.next();
      const Verb inner = verb.depth > 0 ? VerbOf(verb) : Verb::kOther;
      parts.with_changes |= inner != Verb::kOther && inner != Verb::kSelect;
    } while (verb.kind != Token::Kind::kEnd && (verb.depth > 0 || VerbOf(verb) == Verb::kOther));
    parts.with = sql.substr(first.begin, verb.begin - first.begin);
  }
  parts.verb = VerbOf(verb);
  parts.main = sql.substr(verb.begin);
  for (Token token = scanner.next(); token.kind != Token::Kind::kEnd; token = scanner.next()) {
    if (token.depth > 0) continue;
    if (token.is("RETURNING")) parts.returning = true;
  }
  return parts;
}

std::vector<size_t> FindSemicolons(std::string_view sql) {
  std::vector<size_t> found;
  Scanner scanner(sql);
  for (Token token = scanner.next(); token.kind != Token::Kind::kEnd; token = scanner.next()) {
    if (token.kind == Token::Kind::kSemicolon) found.push_back(token.begin);
  }
  return found;
}

}  // namespace holdfast::batch::postgres
