// Structured logs: a message and fields, as text for people or JSON for machines, to stderr.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "holdfast/app/holdfastd/config.h"

namespace holdfast::app {

using LogFields = std::vector<std::pair<std::string, std::string>>;

// Thread-safe, once SetUpLog has been called. Below the level set: costs a comparison.
void SetUpLog(LogLevel level, LogFormat format);
void Log(LogLevel level, std::string_view message, const LogFields& fields = {});
[[nodiscard]] bool IsLogged(LogLevel level);

// One line without its time: `message key="value"`, or `"message":"…","key":"value"`.
[[nodiscard]] std::string LogLine(LogFormat format, std::string_view message,
                                  const LogFields& fields);

}  // namespace holdfast::app
