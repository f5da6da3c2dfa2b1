#include "bench/pq.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

#include "holdfast/base/check.h"

namespace holdfast::bench {
namespace {

constexpr size_t kMaxParams = 64;

using Params = std::array<const char*, kMaxParams>;

Params ToParams(std::span<const std::string> params) {
  HF_CHECK(params.size() <= kMaxParams);
  Params pointers;
  for (size_t i = 0; i < params.size(); ++i) pointers[i] = params[i].c_str();
  return pointers;
}

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Clear>;

int64_t RowsOf(PGconn* connection, const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK) return PQntuples(result);
  HF_CHECK(status == PGRES_COMMAND_OK)
      << PQresultErrorMessage(result) << PQerrorMessage(connection);
  return std::atoll(PQcmdTuples(const_cast<PGresult*>(result)));
}

}  // namespace

void Pq::Close::operator()(pg_conn* connection) const { PQfinish(connection); }

Pq::Pq(const std::string& dsn) : connection_(PQconnectdb(dsn.c_str())) {
  HF_CHECK(PQstatus(connection_.get()) == CONNECTION_OK) << PQerrorMessage(connection_.get());
}

void Pq::exec(const std::string& sql) {
  const Result result(PQexec(connection_.get(), sql.c_str()));
  RowsOf(connection_.get(), result.get());
}

std::string Pq::value(const std::string& sql) {
  const Result result(PQexec(connection_.get(), sql.c_str()));
  HF_CHECK(RowsOf(connection_.get(), result.get()) > 0) << sql;
  return PQgetvalue(result.get(), 0, 0);
}

void Pq::prepare(const std::string& name, const std::string& sql) {
  const Result result(PQprepare(connection_.get(), name.c_str(), sql.c_str(), 0, nullptr));
  RowsOf(connection_.get(), result.get());
}

int64_t Pq::run(const std::string& name, std::span<const std::string> params) {
  const Params pointers = ToParams(params);
  const Result result(PQexecPrepared(connection_.get(), name.c_str(),
                                     static_cast<int>(params.size()), pointers.data(), nullptr,
                                     nullptr, 0));
  return RowsOf(connection_.get(), result.get());
}

void Pq::enter_pipeline() { HF_CHECK(PQenterPipelineMode(connection_.get()) == 1); }

void Pq::send(const std::string& name, std::span<const std::string> params) {
  const Params pointers = ToParams(params);
  HF_CHECK(PQsendQueryPrepared(connection_.get(), name.c_str(), static_cast<int>(params.size()),
                               pointers.data(), nullptr, nullptr, 0) == 1)
      << PQerrorMessage(connection_.get());
}

int64_t Pq::finish(int count) {
  HF_CHECK(PQpipelineSync(connection_.get()) == 1) << PQerrorMessage(connection_.get());
  int64_t fewest = std::numeric_limits<int64_t>::max();
  for (int i = 0; i < count; ++i) {
    const Result result(PQgetResult(connection_.get()));
    fewest = std::min(fewest, RowsOf(connection_.get(), result.get()));
    const Result end(PQgetResult(connection_.get()));
    HF_CHECK(end == nullptr);
  }
  const Result sync(PQgetResult(connection_.get()));
  HF_CHECK(PQresultStatus(sync.get()) == PGRES_PIPELINE_SYNC) << PQerrorMessage(connection_.get());
  return fewest;
}

}  // namespace holdfast::bench
