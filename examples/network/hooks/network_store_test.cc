// The fixture of the other tests, and a test of its own.
#include "examples/network/hooks/network_store.h"

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/text_format.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"
#include "holdfast/meta.pb.h"
#include "holdfast/storage/memory/memory_engine.h"
#include "holdfast/storage/show.h"
#include "holdfast/storage/sql/open.h"

namespace holdfast::network {
namespace {

std::unique_ptr<schema::Schema> LoadNetwork(int projects_per_organization) {
  const std::filesystem::path file = std::filesystem::path(__FILE__).parent_path().parent_path() /
                                     "proto/network/v1/network.proto";
  std::ifstream in(file);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  text = absl::StrReplaceAll(
      text,
      {{"default_max: 1000 ", absl::StrCat("default_max: ", projects_per_organization, " ")}});
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

// Which numbers stand for which kinds and fields: caches, not contents.
constexpr char kDictionaries[] = "('kind', 'field')";

// All rows of all tables of a SQLite file, whatever they mean.
std::string DumpFile(const std::string& path) {
  sqlite3* db = nullptr;
  HF_CHECK(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK) << path;
  const auto query = [&](const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    HF_CHECK(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK)
        << sql << ": " << sqlite3_errmsg(db);
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
  };
  std::string dump;
  for (const std::string& table :
       query(absl::StrCat("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ",
                          kDictionaries, " ORDER BY name"))) {
    absl::StrAppend(&dump, table, "\n");
    for (const std::string& row :
         query(absl::StrCat("SELECT * FROM \"", table, "\" ORDER BY 1, 2"))) {
      absl::StrAppend(&dump, "  ", row, "\n");
    }
  }
  sqlite3_close(db);
  return dump;
}

const google::protobuf::FieldDescriptor* Field(const google::protobuf::Message& message,
                                               const char* field) {
  return message.GetDescriptor()->FindFieldByName(field);
}

}  // namespace

// A temporary folder for a database file.
class NetworkStore::Folder {
 public:
  Folder() {
    std::string path = ::testing::TempDir() + "/holdfast-network-XXXXXX";
    HF_CHECK(mkdtemp(path.data()) != nullptr) << path;
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string file() const { return (path_ / "network.db").string(); }

 private:
  std::filesystem::path path_;
};

void PrintTo(Database database, std::ostream* out) {
  *out << (database == Database::kMemory ? "Memory" : "Sqlite");
}

std::string DatabaseName(const ::testing::TestParamInfo<Database>& info) {
  return info.param == Database::kMemory ? "Memory" : "Sqlite";
}

NetworkStore::NetworkStore(Database database, NetworkStoreOptions options)
    : options_(std::move(options)),
      schema_(LoadNetwork(options_.projects_per_organization)),
      env_(options_.seed) {
  if (database == Database::kMemory) {
    database_ = storage::NewMemoryEngine(env_);
  } else {
    folder_ = std::make_unique<Folder>();
    storage::SqliteEngineOptions sqlite;
    sqlite.path = folder_->file();
    sqlite.indexes = IndexesOf(*schema_);
    sqlite.sqlite.synchronous = batch::sqlite::SqliteOptions::Synchronous::kOff;
    auto engine = storage::OpenSqliteEngine(env_, std::move(sqlite));
    HF_CHECK(engine.ok()) << engine.status().ToString();
    database_ = *std::move(engine);
  }
  RegisterHooks(hooks_, options_.network);
  start_process();
}

NetworkStore::~NetworkStore() = default;

void NetworkStore::start_process() {
  processes_.push_back(std::make_unique<Process>(*database_));
  Process& process = *processes_.back();
  process.store = store::BuildStore(env_, *schema_, *schema_->services()[0], process.engine, hooks_,
                                    options_.store);
}

void NetworkStore::crash() {
  engine().crash();
  // The dead one's coroutines may still stand somewhere: it is kept, but hears nothing.
  start_process();
}

const schema::Kind& NetworkStore::kind_of(std::string_view name) const {
  const schema::Kind* kind =
      schema_->find_kind_by_name(*schema_->services()[0], ResourceName(name));
  HF_CHECK(kind != nullptr) << "no kind for " << name;
  return *kind;
}

store::WriteOp NetworkStore::op_on(std::string_view name) const {
  store::WriteOp op;
  op.kind = &kind_of(name);
  op.name = ResourceName(name);
  return op;
}

store::WriteOp NetworkStore::create(std::string_view name, const std::string& text) const {
  store::WriteOp op = op_on(name);
  op.type = store::WriteOp::Type::kCreate;
  op.resource = schema_->new_message(op.kind->message);
  HF_CHECK(google::protobuf::TextFormat::ParseFromString(text, op.resource.get())) << text;
  return op;
}

store::WriteOp NetworkStore::update(std::string_view name, const std::string& text) const {
  store::WriteOp op = create(name, text);
  op.type = store::WriteOp::Type::kUpdate;
  op.mask = filter::FieldMask::OfSetFields(*op.resource);
  return op;
}

store::WriteOp NetworkStore::erase(std::string_view name, store::Force force) const {
  store::WriteOp op = op_on(name);
  op.type = store::WriteOp::Type::kDelete;
  op.force = force;
  return op;
}

absl::StatusOr<store::WriteResult> NetworkStore::write(store::WriteRequest request) {
  return env_.run(store().write(std::move(request)));
}

absl::Status NetworkStore::apply(store::WriteOp op) {
  return write(Request(std::move(op))).status();
}

namespace {
// `pending` is shared with whoever waits.
Task<void> Run(store::Store& store, store::WriteRequest request,
               std::shared_ptr<NetworkStore::Pending> pending) {
  pending->result = co_await store.write(std::move(request));
  pending->done = true;
}
}  // namespace

std::shared_ptr<NetworkStore::Pending> NetworkStore::start(store::WriteRequest request) {
  auto pending = std::make_shared<Pending>();
  Spawn(env_, Run(store(), std::move(request), pending));
  return pending;
}

std::vector<absl::Status> NetworkStore::race(std::vector<store::WriteRequest> requests) {
  std::vector<std::shared_ptr<Pending>> pending;
  for (store::WriteRequest& request : requests) pending.push_back(start(std::move(request)));
  const bool ended = env_.run_until([&] {
    return std::all_of(pending.begin(), pending.end(), [](const auto& p) { return p->done; });
  });
  EXPECT_TRUE(ended) << "somebody never got an answer";
  std::vector<absl::Status> answers;
  for (const auto& p : pending) answers.push_back(p->result.status());
  return answers;
}

bool NetworkStore::crash_after(store::WriteRequest request, int steps) {
  const std::shared_ptr<Pending> pending = start(std::move(request));
  EXPECT_TRUE(env_.run_until([&] { return pending->done || steps-- <= 0; }));
  if (pending->done) {
    EXPECT_TRUE(pending->result.ok()) << pending->result.status();
  }
  crash();
  env_.run_until_idle();
  return pending->done;
}

void NetworkStore::given(store::WriteOp op) {
  const std::string name = op.name.str();
  const absl::Status status = apply(std::move(op));
  ASSERT_TRUE(status.ok()) << name << ": " << status;
}

size_t NetworkStore::settle() {
  constexpr int kMaxRounds = 100'000;
  size_t changed = 0;
  for (int i = 0; i < kMaxRounds; ++i) {
    const absl::StatusOr<size_t> step = env_.run(store().run_duties());
    EXPECT_TRUE(step.ok()) << step.status();
    if (!step.ok() || *step == 0) return changed;
    changed += *step;
  }
  ADD_FAILURE() << "duties don't end";
  return changed;
}

store::SharedMessage NetworkStore::get(std::string_view name) {
  auto result = env_.run(store().get(kind_of(name), {ResourceName(name)}));
  return result.ok() ? result->resources[0] : nullptr;
}

std::vector<std::string> NetworkStore::names(std::string_view kind) {
  std::vector<std::string> found;
  for (const schema::Kind* each : schema_->services()[0]->kinds) {
    if (!kind.empty() && each->message_name != kind) continue;
    store::ListQuery query;
    query.kind = each;
    query.page_size = 1000;
    do {
      auto page = env_.run(store().list(query));
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return found;
      for (const auto& resource : page->resources) found.push_back(TextOf(*resource, "name"));
      query.after = page->next;
    } while (query.after.has_value());
  }
  return found;
}

int64_t NetworkStore::used(std::string_view holder, std::string_view counted) {
  auto snapshot = env_.run(database_->snapshot());
  HF_CHECK(snapshot.ok());
  const storage::LimitKey key{
      .holder = {.kind = kind_of(holder).name, .name = ResourceName(holder)},
      .counted = KindName(absl::StrCat("network.example.com/", ToAbsl(counted)))};
  const auto row = env_.run((*snapshot)->limit(key));
  HF_CHECK(row.ok());
  return row->has_value() ? (*row)->used : 0;
}

std::string NetworkStore::dump() {
  auto snapshot = env_.run(database_->snapshot());
  HF_CHECK(snapshot.ok());
  std::string text = storage::DumpSnapshot(env_, **snapshot);
  if (folder_ != nullptr) absl::StrAppend(&text, DumpFile(folder_->file()));
  return text;
}

std::string NetworkStore::fsck() {
  const auto report = env_.run(store().fsck());
  if (!report.ok()) return report.status().ToString();
  std::string text;
  for (const store::Finding& finding : report->findings) {
    absl::StrAppend(&text, finding.rule, " ", finding.key.name.str(), " ", finding.detail, "\n");
  }
  return text;
}

std::string TextOf(const google::protobuf::Message& message, const char* field) {
  return message.GetReflection()->GetString(message, Field(message, field));
}

int64_t NumberOf(const google::protobuf::Message& message, const char* field) {
  return message.GetReflection()->GetInt64(message, Field(message, field));
}

std::string UidOf(const google::protobuf::Message& message) {
  const auto& meta = message.GetReflection()->GetMessage(message, Field(message, "metadata"));
  return static_cast<const Meta&>(meta).uid();
}

namespace {

class NetworkStoreTest : public ::testing::TestWithParam<Database> {};
INSTANTIATE_TEST_SUITE_P(On, NetworkStoreTest,
                         ::testing::Values(Database::kMemory, Database::kSqlite), DatabaseName);

TEST_P(NetworkStoreTest, DumpsShowEveryChange) {
  NetworkStore store(GetParam());
  const std::string empty = store.dump();
  store.given(store.create("organizations/o", "display_name: 'one'"));
  const std::string created = store.dump();
  store.given(store.update("organizations/o", "display_name: 'two'"));
  const std::string updated = store.dump();
  EXPECT_NE(empty, created);
  EXPECT_NE(created, updated);
  EXPECT_EQ(updated, store.dump());
}

TEST_P(NetworkStoreTest, ACrashedProcessNeverAnswers) {
  NetworkStore store(GetParam());
  EXPECT_FALSE(store.crash_after(Request(store.create("organizations/o")), /*steps=*/0));
  store.env().advance(Seconds(60));
  EXPECT_FALSE(store.exists("organizations/o"));
}

TEST_P(NetworkStoreTest, AProcessThatDiesLateEnoughHasAnswered) {
  NetworkStore store(GetParam());
  EXPECT_TRUE(store.crash_after(Request(store.create("organizations/o")), /*steps=*/10'000));
  EXPECT_TRUE(store.exists("organizations/o"));
}

}  // namespace
}  // namespace holdfast::network
