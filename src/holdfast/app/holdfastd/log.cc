#include "holdfast/app/holdfastd/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "holdfast/base/strings.h"

namespace holdfast::app {
namespace {

// Fields come from clients too: a line must stay a line.
constexpr size_t kMaxFieldBytes = 1024;

LogFormat g_format = LogFormat::kText;  // set once, before there are threads

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

std::string Quoted(std::string_view value) {
  return nlohmann::json(ForMessage(value, kMaxFieldBytes)).dump();
}

}  // namespace

std::string LogLine(LogFormat format, std::string_view message, const LogFields& fields) {
  if (format == LogFormat::kText) {
    std::string line = ForMessage(message, kMaxFieldBytes);
    for (const auto& [key, value] : fields) absl::StrAppend(&line, " ", key, "=", Quoted(value));
    return line;
  }
  std::string line = absl::StrCat("\"message\":", Quoted(message));
  for (const auto& [key, value] : fields) {
    absl::StrAppend(&line, ",", Quoted(key), ":", Quoted(value));
  }
  return line;
}

void SetUpLog(LogLevel level, LogFormat format) {
  g_format = format;
  auto logger = std::make_shared<spdlog::logger>("holdfastd",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern(format == LogFormat::kText
                          ? "%Y-%m-%dT%H:%M:%S.%e%z %l %v"
                          : "{\"time\":\"%Y-%m-%dT%H:%M:%S.%e%z\",\"level\":\"%l\",%v}");
  logger->set_level(ToSpdlog(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

bool IsLogged(LogLevel level) { return spdlog::default_logger_raw()->should_log(ToSpdlog(level)); }

void Log(LogLevel level, std::string_view message, const LogFields& fields) {
  if (!IsLogged(level)) return;
  spdlog::default_logger_raw()->log(ToSpdlog(level), "{}", LogLine(g_format, message, fields));
}

}  // namespace holdfast::app
