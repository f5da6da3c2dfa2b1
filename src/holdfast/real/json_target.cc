#include "holdfast/real/json_target.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::real {
namespace {

enum class Plus { kItself, kSpace };

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::Status Malformed(std::string_view where, std::string_view what, std::string_view text) {
  return FieldError(Reason::kMalformedRequest, where,
                    absl::StrCat(ToAbsl(what), " in \"", ForMessage(text), "\""));
}

absl::StatusOr<std::string> Decode(std::string_view text, std::string_view where, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::kSpace) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) return Malformed(where, "a % without two hex digits", text);
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!IsUtf8(out)) return Malformed(where, "bytes that are no UTF-8", text);
  return out;
}

// "http://host:80/v1/x", which proxies and RFC 9112 allow: from the path on.
std::string_view WithoutOrigin(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const size_t path = target.find_first_of("/?", scheme.size());
    return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
  }
  return target;
}

absl::Status ReadPath(std::string_view path, Target& out) {
  for (size_t begin = 1;;) {
    const size_t slash = path.find('/', begin);
    const bool last = slash == std::string_view::npos;
    const std::string_view raw = path.substr(begin, last ? slash : slash - begin);
    HF_ASSIGN_OR_RETURN(std::string segment, Decode(raw, "path", Plus::kItself));
    out.segments.push_back(std::move(segment));
    if (!last) {
      begin = slash + 1;
      continue;
    }
    const size_t colon = raw.rfind(':');
    if (colon == std::string_view::npos) return absl::OkStatus();
    HF_ASSIGN_OR_RETURN(out.last_before_verb, Decode(raw.substr(0, colon), "path", Plus::kItself));
    HF_ASSIGN_OR_RETURN(out.verb, Decode(raw.substr(colon + 1), "path", Plus::kItself));
    return absl::OkStatus();
  }
}

absl::Status ReadQuery(std::string_view query, Target& out) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view part = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    if (part.empty()) continue;
    if (out.query.size() >= kMaxQueryParameters) {
      return FieldError(Reason::kMalformedRequest, "query",
                        absl::StrCat("has more than ", kMaxQueryParameters, " parameters"));
    }
    const size_t equals = part.find('=');
    Parameter& parameter = out.query.emplace_back();
    HF_ASSIGN_OR_RETURN(parameter.name, Decode(part.substr(0, equals), "query", Plus::kSpace));
    if (equals == std::string_view::npos) continue;
    HF_ASSIGN_OR_RETURN(parameter.value, Decode(part.substr(equals + 1), "query", Plus::kSpace));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Target> ParseTarget(std::string_view target) {
  target = WithoutOrigin(target);
  const size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  if (!path.starts_with('/')) return Malformed("path", "no / at the beginning", path);
  Target out;
  HF_RETURN_IF_ERROR(ReadPath(path, out));
  if (question != std::string_view::npos) {
    HF_RETURN_IF_ERROR(ReadQuery(target.substr(question + 1), out));
  }
  return out;
}

}  // namespace holdfast::real
