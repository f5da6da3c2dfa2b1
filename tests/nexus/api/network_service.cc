#include "tests/nexus/api/network_service.h"

#include <google/protobuf/util/json_util.h>
#include <sqlite3.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"
#include "holdfast/feed/feed.h"
#include "holdfast/storage/sql/open.h"
#include "holdfast/testing/postgres_cluster.h"

namespace holdfast::nexus {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<schema::Schema> LoadNetwork(const NetworkService::Options& options) {
  const fs::path root = fs::path(__FILE__).parent_path().parent_path().parent_path().parent_path();
  std::ifstream in(root / "examples/network/proto/network/v1/network.proto");
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  text = absl::StrReplaceAll(
      text, {{"default_max: 1000 ", absl::StrCat("default_max: ", options.projects, " ")},
             {"default_max: 100 ", absl::StrCat("default_max: ", options.instances, " ")}});
  auto schema = schema::LoadTexts({{"network/v1/network.proto", text}});
  HF_CHECK(schema.ok()) << schema.status().ToString();
  return *std::move(schema);
}

std::vector<storage::IndexDefinition> IndexesOf(const schema::Schema& schema) {
  std::vector<storage::IndexDefinition> indexes;
  for (const schema::Kind* kind : schema.services()[0]->kinds) {
    for (const schema::IndexRule& rule : kind->indexes) indexes.push_back({kind->name, rule.paths});
  }
  return indexes;
}

Json ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  HF_CHECK(google::protobuf::util::MessageToJsonString(message, &text, options).ok());
  return Json::parse(text);
}

// "FirewallRule": "firewall_rule".
std::string Snake(const std::string& kind) {
  std::string snake;
  for (const char c : kind) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !snake.empty()) snake += '_';
    snake += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return snake;
}

class SqliteFile {
 public:
  explicit SqliteFile(const std::string& path) {
    HF_CHECK(sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  }
  ~SqliteFile() { sqlite3_close(db_); }
  SqliteFile(const SqliteFile&) = delete;
  SqliteFile& operator=(const SqliteFile&) = delete;

  std::vector<std::string> query(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    HF_CHECK(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK) << sql;
    std::vector<std::string> rows;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      std::string row;
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const auto* text = static_cast<const char*>(sqlite3_column_blob(statement, i));
        const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, i));
        absl::StrAppend(&row, i == 0 ? "" : "|",
                        text == nullptr ? "NULL" : absl::CEscape(absl::string_view(text, size)));
      }
      rows.push_back(std::move(row));
    }
    sqlite3_finalize(statement);
    return rows;
  }

 private:
  sqlite3* db_ = nullptr;
};

std::string DumpSqlite(const std::string& path) {
  SqliteFile file(path);
  std::string dump;
  for (const std::string& table : file.query("SELECT name FROM sqlite_schema WHERE type = 'table' "
                                             "AND name NOT IN ('kind', 'field') ORDER BY name")) {
    absl::StrAppend(&dump, table, "\n");
    for (const auto& row : file.query(absl::StrCat("SELECT * FROM \"", table, "\" ORDER BY 1, 2")))
      absl::StrAppend(&dump, "  ", row, "\n");
  }
  return dump;
}

constexpr char kDumpPostgres[] =
    "SELECT string_agg(query_to_xml(format('SELECT t::text FROM %I.%I t ORDER BY 1', schemaname, "
    "tablename), true, true, tablename)::text, '' ORDER BY tablename) FROM pg_tables "
    "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') "
    "AND tablename NOT IN ('kind', 'field')";

}  // namespace

void PrintTo(const Answer& answer, std::ostream* out) {
  *out << (answer.ok() ? answer.json.dump() : std::string(answer.status.ToString()));
}

// A temporary folder for a database file.
class NetworkService::Folder {
 public:
  Folder() {
    std::string path = ::testing::TempDir() + "/holdfast-nexus-XXXXXX";
    HF_CHECK(mkdtemp(path.data()) != nullptr) << path;
    path_ = path;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string file() const { return (path_ / "network.db").string(); }

 private:
  fs::path path_;
};

NetworkService::NetworkService(On on, Options options)
    : env_({.threads = 2}), schema_(LoadNetwork(options)) {
  open(on, options);
  engine_ = std::make_unique<network::FaultyEngine>(*database_);
  network::RegisterHooks(hooks_, options.network);
  const schema::Service& service = *schema_->services()[0];
  feed_ = std::make_unique<feed::Feed>(env_, *engine_, feed::FeedOptions());
  feed_->start();
  server::DispatcherOptions limits;
  limits.max_batch_ops = options.store.max_batch_ops;
  store_ = store::BuildStore(env_, *schema_, service, *engine_, hooks_, options.store);
  std::vector<server::Deployment> deployments;
  deployments.push_back({.schema = schema_.get(),
                         .service = &service,
                         .store = store_.get(),
                         .engine = engine_.get(),
                         .feed = feed_.get(),
                         .token_key = "secret",
                         .region = Region("here")});
  dispatcher_ = server::BuildDispatcher(env_, std::move(deployments), std::move(limits));
}

NetworkService::~NetworkService() {
  env_.run(dispatcher_->drain());
  feed_->stop();
  env_.run(feed_->stopped());
}

void NetworkService::open(On on, const Options& options) {
  if (on == On::kSqlite) {
    folder_ = std::make_unique<Folder>();
    storage::SqliteEngineOptions sqlite;
    sqlite.path = folder_->file();
    sqlite.indexes = IndexesOf(*schema_);
    sqlite.sqlite.synchronous = batch::sqlite::SqliteOptions::Synchronous::kOff;
    auto engine = storage::OpenSqliteEngine(env_, std::move(sqlite));
    HF_CHECK(engine.ok()) << engine.status().ToString();
    database_ = *std::move(engine);
    return;
  }
  dsn_ = options.dsn.empty() ? testing::PostgresCluster::Shared().create_database() : options.dsn;
  storage::PostgresEngineOptions postgres;
  postgres.postgres.dsn = dsn_;
  postgres.postgres.isolation =
      on == On::kSerializable ? batch::Isolation::kSerializable : batch::Isolation::kReadCommitted;
  postgres.postgres.connections = static_cast<size_t>(options.connections);
  postgres.postgres.schema = "network";
  postgres.indexes = IndexesOf(*schema_);
  auto engine = env_.run(storage::OpenPostgresEngine(env_, std::move(postgres)));
  HF_CHECK(engine.ok()) << engine.status().ToString();
  database_ = *std::move(engine);
}

Task<Answer> NetworkService::send(std::string method, Json request) {
  const server::MethodInfo* info = dispatcher_->find("/network.v1." + method);
  HF_CHECK(info != nullptr) << method;
  auto message = dispatcher_->new_request(*info);
  const auto parsed = google::protobuf::util::JsonStringToMessage(request.dump(), message.get());
  HF_CHECK(parsed.ok()) << parsed.ToString() << request.dump();
  server::CallContext context;
  const auto response = co_await dispatcher_->call(*info, std::move(context), std::move(message));
  Answer answer;
  answer.status = response.status();
  if (response.ok()) answer.json = ToJson(*response->message);
  co_return answer;
}

Task<Answer> NetworkService::send_late(Call call) {
  const uint64_t moment = env_.random().next() % static_cast<uint64_t>(call.linger.value());
  co_await env_.sleep(Duration(static_cast<int64_t>(moment)));
  Answer answer = co_await send(std::move(call.method), std::move(call.request));
  co_return answer;
}

Answer NetworkService::call(std::string_view method, const Json& request) {
  return env_.run(send(std::string(method), request));
}

Json NetworkService::must(std::string_view method, const Json& request) {
  Answer answer = call(method, request);
  EXPECT_TRUE(answer.ok()) << method << ": " << answer.status;
  return answer.json;
}

Answer NetworkService::refused(std::string_view method, const Json& request) {
  const std::string before = dump();
  Answer answer = call(method, request);
  EXPECT_FALSE(answer.ok()) << method;
  EXPECT_EQ(dump(), before) << method;
  return answer;
}

std::vector<Answer> NetworkService::race(const std::vector<Call>& calls) {
  std::vector<std::future<Answer>> pending;
  for (const Call& call : calls) {
    pending.push_back(
        boost::asio::co_spawn(env_.executor(), send_late(call), boost::asio::use_future));
  }
  std::vector<Answer> answers;
  for (std::future<Answer>& answer : pending) answers.push_back(answer.get());
  return answers;
}

NetworkService::Call NetworkService::CreateOrganization(const std::string& id) {
  return Create("Organization", "", id);
}

NetworkService::Call NetworkService::CreateProject(const std::string& organization,
                                                   const std::string& id) {
  return Create("Project", "organizations/" + organization, id);
}

NetworkService::Call NetworkService::Create(const std::string& kind, const std::string& parent,
                                            const std::string& id, Json fields) {
  Json request = {{Snake(kind) + "_id", id}, {Snake(kind), std::move(fields)}};
  if (!parent.empty()) request["parent"] = parent;
  return {absl::StrCat(kind, "Service/Create", kind), std::move(request)};
}

NetworkService::Call NetworkService::Delete(const std::string& kind, const std::string& name) {
  return {absl::StrCat(kind, "Service/Delete", kind), {{"name", name}}};
}

NetworkService::Call NetworkService::Get(const std::string& kind, const std::string& name) {
  return {absl::StrCat(kind, "Service/Get", kind), {{"name", name}}};
}

void NetworkService::settle() {
  constexpr int kMaxRounds = 100'000;
  for (int i = 0; i < kMaxRounds; ++i) {
    const absl::StatusOr<size_t> step = env_.run(store_->run_duties());
    EXPECT_TRUE(step.ok()) << step.status();
    if (!step.ok() || *step == 0) return;
  }
  ADD_FAILURE() << "duties don't end";
}

std::vector<std::string> NetworkService::names() {
  std::vector<std::string> found;
  auto snapshot = env_.run(database_->snapshot());
  HF_CHECK(snapshot.ok()) << snapshot.status().ToString();
  storage::ScanQuery query;
  query.fields = storage::Fields::kShadow;
  do {
    auto page = env_.run((*snapshot)->scan(query));
    HF_CHECK(page.ok()) << page.status().ToString();
    for (const storage::Row& row : page->rows) {
      const bool seen =
          row.state == storage::RowState::kActive || row.state == storage::RowState::kClosing;
      if (seen) found.push_back(row.key.name.str());
    }
    query.after = page->next;
  } while (query.after.has_value());
  return found;
}

bool NetworkService::exists(const std::string& kind, const std::string& name) {
  return call(Get(kind, name)).ok();
}

int64_t NetworkService::used(std::string_view holder_kind, std::string_view holder,
                             std::string_view counted) {
  auto snapshot = env_.run(database_->snapshot());
  HF_CHECK(snapshot.ok()) << snapshot.status().ToString();
  const auto kind = [](std::string_view name) {
    return KindName(absl::StrCat("network.example.com/", ToAbsl(name)));
  };
  const storage::LimitKey key{.holder = {.kind = kind(holder_kind), .name = ResourceName(holder)},
                              .counted = kind(counted)};
  const auto row = env_.run((*snapshot)->limit(key));
  HF_CHECK(row.ok()) << row.status().ToString();
  return row->has_value() ? (*row)->used : 0;
}

std::string NetworkService::dump() {
  if (folder_ != nullptr) return DumpSqlite(folder_->file());
  const size_t at = dsn_.find("dbname=");
  HF_CHECK(at != std::string::npos) << dsn_;
  const std::string name = dsn_.substr(at + 7, dsn_.find(' ', at) - at - 7);
  const auto text = testing::PostgresCluster::Shared().sql(kDumpPostgres, name);
  HF_CHECK(text.ok()) << text.status().ToString();
  return *text;
}

std::string NetworkService::fsck() {
  const auto report = env_.run(store_->fsck());
  if (!report.ok()) return std::string(report.status().ToString());
  std::string text;
  for (const store::Finding& finding : report->findings) {
    absl::StrAppend(&text, finding.rule, " ", finding.key.name.str(), " ", finding.detail, "\n");
  }
  return text;
}

}  // namespace holdfast::nexus
