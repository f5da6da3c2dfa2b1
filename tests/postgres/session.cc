#include "tests/postgres/session.h"

#include <libpq-fe.h>

#include "holdfast/base/check.h"

namespace holdfast::testing {

struct Session::Impl {
  PGconn* connection = nullptr;
  ~Impl() { PQfinish(connection); }
};

Session::Session(const std::string& dsn, const std::string& schema)
    : impl_(std::make_unique<Impl>()) {
  impl_->connection = PQconnectdb(dsn.c_str());
  HF_CHECK(PQstatus(impl_->connection) == CONNECTION_OK) << PQerrorMessage(impl_->connection);
  if (!schema.empty()) run("SET search_path = " + schema);
}

Session::~Session() = default;
Session::Session(Session&&) noexcept = default;

Session::Rows Session::run(const std::string& sql) {
  PGresult* result = PQexec(impl_->connection, sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  HF_CHECK(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
      << sql << ": " << PQresultErrorMessage(result);
  Rows rows;
  for (int row = 0; row < PQntuples(result); ++row) {
    std::vector<std::string>& columns = rows.emplace_back();
    for (int i = 0; i < PQnfields(result); ++i) columns.emplace_back(PQgetvalue(result, row, i));
  }
  PQclear(result);
  return rows;
}

std::string Session::value(const std::string& sql) { return run(sql).at(0).at(0); }

std::string Session::error(const std::string& sql) {
  PGresult* result = PQexec(impl_->connection, sql.c_str());
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string answer = state == nullptr ? "" : state;
  PQclear(result);
  return answer;
}

}  // namespace holdfast::testing
