// The one coroutine type. A Task starts when it is awaited or spawned, and runs on its executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <optional>
#include <utility>

namespace holdfast {

template <class T>
using Task = boost::asio::awaitable<T>;

using Executor = boost::asio::any_io_executor;

// Keeps what the task returns in `result`, which must outlive it. So only a Task<void> needs to be
// spawned: spawning costs a second of compiling for every other type of result.
template <class T>
Task<void> KeepResult(Task<T> task, std::optional<T>* result) {
  result->emplace(co_await std::move(task));
}

}  // namespace holdfast
