#include "sim/database/database.h"

#include <unistd.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/storage/memory/memory_engine.h"
#include "holdfast/storage/sql/open.h"

namespace holdfast::sim {
namespace {

using storage::Commit;
using storage::Failure;

constexpr Duration kShortest = Milliseconds(0);
constexpr Duration kLongest = Milliseconds(3);

Commit FailedWith(Failure::Kind kind) {
  Commit commit;
  commit.status = absl::UnavailableError("the database is gone");
  commit.failure.emplace().kind = kind;
  commit.failure->message = "the database is gone";
  return commit;
}

absl::Status Gone() { return MakeError(Reason::kDatabaseUnavailable, "the database is gone"); }

// Unique among the runs of this process; the file goes with the database. In memory, where there
// is such a folder: nothing is gained by waiting for a disk.
std::string NewPath() {
  static uint64_t last = 0;
  const std::filesystem::path memory = "/dev/shm";
  const std::filesystem::path folder =
      access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
  return (folder / absl::StrCat("holdfast-sim-", getpid(), "-", ++last, ".db")).string();
}

}  // namespace

// One commit between a node and the database. Shared by both: either may end before the other.
struct Database::Exchange {
  storage::Batch batch;
  uint64_t life = 0;
  Commit commit;
  OneShot answered;
};

// While the engine works on something.
class Database::Visit {
 public:
  explicit Visit(Database& database) : database_(database) { ++database_.in_engine_; }
  ~Visit() {
    --database_.in_engine_;
    database_.tell_observer();
    database_.quiet_.notify();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

 private:
  Database& database_;
};

// A snapshot of the engine: goes when neither the node nor a read under way holds it any more.
struct Database::Held {
  Held(Database& of, std::unique_ptr<storage::Snapshot> taken)
      : database(of), inner(std::move(taken)) {
    ++database.snapshots_;
  }
  ~Held() {
    inner.reset();
    --database.snapshots_;
    database.quiet_.notify();
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  Database& database;
  std::unique_ptr<storage::Snapshot> inner;
};

// What the database does it does to the end, though the node that asked may die meanwhile: its
// coroutines are dropped, those of the engine never.
template <class T>
struct Database::Question {
  std::function<Task<T>()> ask;
  std::optional<T> answer;
  OneShot answered;
};

template <class T>
Task<void> Database::answer(std::shared_ptr<Question<T>> question) {
  T answer = co_await question->ask();
  question->answer.emplace(std::move(answer));
  question->answered.set();
}

template <class T>
Task<T> Database::ask(std::function<Task<T>()> ask) {
  auto question = std::make_shared<Question<T>>();
  question->ask = std::move(ask);
  Spawn(world_.env(), answer(question));
  co_await question->answered.wait();
  co_return std::move(*question->answer);
}

// Reads that take their time, and fail when the database has died meanwhile.
class Database::FaultySnapshot final : public storage::Snapshot {
 public:
  FaultySnapshot(Database& database, NodeEnv& node, const std::string& name,
                 std::shared_ptr<Held> held)
      : database_(database),
        node_(node),
        name_(name),
        held_(std::move(held)),
        life_(database.life_) {}

  [[nodiscard]] Revision revision() const override { return held_->inner->revision(); }
  [[nodiscard]] storage::Cursor place() const override { return held_->inner->place(); }

  Task<absl::StatusOr<std::vector<std::optional<storage::Row>>>> get(
      std::vector<ResourceKey> keys, storage::Fields fields) override {
    return read<std::vector<std::optional<storage::Row>>>(
        [keys = std::move(keys), fields](Snapshot& inner) { return inner.get(keys, fields); });
  }
  Task<absl::StatusOr<storage::ScanPage>> scan(storage::ScanQuery query) override {
    return read<storage::ScanPage>(
        [query = std::move(query)](Snapshot& inner) { return inner.scan(query); });
  }
  Task<absl::StatusOr<storage::InboundPage>> inbound(storage::InboundQuery query) override {
    return read<storage::InboundPage>(
        [query = std::move(query)](Snapshot& inner) { return inner.inbound(query); });
  }
  Task<absl::StatusOr<int64_t>> count_inbound(ResourceKey target, uint32_t behaviors) override {
    return read<int64_t>([target = std::move(target), behaviors](Snapshot& inner) {
      return inner.count_inbound(target, behaviors);
    });
  }
  Task<absl::StatusOr<storage::ScanPage>> duties(storage::DutyQuery query) override {
    return read<storage::ScanPage>(
        [query = std::move(query)](Snapshot& inner) { return inner.duties(query); });
  }
  Task<absl::StatusOr<std::optional<storage::LimitRow>>> limit(storage::LimitKey key) override {
    return read<std::optional<storage::LimitRow>>(
        [key = std::move(key)](Snapshot& inner) { return inner.limit(key); });
  }
  Task<absl::StatusOr<std::vector<std::optional<storage::Claim>>>> get_claims(
      std::vector<storage::ClaimKey> keys) override {
    return read<std::vector<std::optional<storage::Claim>>>(
        [keys = std::move(keys)](Snapshot& inner) { return inner.get_claims(keys); });
  }
  Task<absl::StatusOr<std::vector<storage::Claim>>> claims(storage::ClaimQuery query) override {
    return read<std::vector<storage::Claim>>(
        [query = std::move(query)](Snapshot& inner) { return inner.claims(query); });
  }
  Task<absl::StatusOr<std::vector<storage::Claim>>> due_claims(storage::ClaimType type,
                                                               Timestamp by,
                                                               size_t limit) override {
    return read<std::vector<storage::Claim>>(
        [type, by, limit](Snapshot& inner) { return inner.due_claims(type, by, limit); });
  }
  Task<absl::StatusOr<std::vector<storage::LimitRow>>> limits(
      std::optional<storage::LimitKey> after, size_t limit) override {
    return read<std::vector<storage::LimitRow>>(
        [after = std::move(after), limit](Snapshot& inner) { return inner.limits(after, limit); });
  }
  Task<absl::StatusOr<std::optional<std::string>>> cursor(std::string name) override {
    return read<std::optional<std::string>>(
        [name = std::move(name)](Snapshot& inner) { return inner.cursor(name); });
  }
  Task<absl::StatusOr<std::optional<storage::PutRequest>>> request(std::string id) override {
    return read<std::optional<storage::PutRequest>>(
        [id = std::move(id)](Snapshot& inner) { return inner.request(id); });
  }
  Task<absl::StatusOr<storage::FeedPage>> feed(storage::Cursor from, size_t limit) override {
    return read<storage::FeedPage>(
        [from = std::move(from), limit](Snapshot& inner) { return inner.feed(from, limit); });
  }

 private:
  template <class T>
  Task<absl::StatusOr<T>> read(std::function<Task<absl::StatusOr<T>>(Snapshot&)> what) {
    co_await node_.sleep(database_.travel());
    if (database_.life_ != life_ || !database_.is_reachable_from(name_)) co_return Gone();
    const std::shared_ptr<Held> held = held_;
    std::function<Task<absl::StatusOr<T>>()> ask = [held, what = std::move(what)] {
      return what(*held->inner);
    };
    co_return co_await database_.ask<absl::StatusOr<T>>(std::move(ask));
  }

  Database& database_;
  NodeEnv& node_;
  const std::string name_;
  const std::shared_ptr<Held> held_;  // shared with reads under way
  const uint64_t life_;
};

class Database::Connection final : public storage::Engine {
 public:
  Connection(Database& database, NodeEnv& node, std::string name)
      : database_(database), node_(node), name_(std::move(name)) {}

  [[nodiscard]] const std::string& incarnation() const override {
    return database_.engine_->incarnation();
  }
  // The other nodes.
  [[nodiscard]] Writers writers() const override { return Writers::kOthersToo; }

  Task<Commit> commit(storage::Batch batch) override {
    // What failures mean to a client is for this side to say: the other may live longer.
    const std::vector<storage::Explain> explains = std::move(batch.explains);
    const std::string label = batch.label;
    batch.explains.clear();
    const bool rehearsal = batch.mode == storage::Batch::Mode::kRehearse;
    auto exchange = std::make_shared<Exchange>();
    exchange->batch = std::move(batch);
    exchange->life = database_.life_;
    co_await node_.sleep(database_.travel());
    if (database_.is_reachable_from(name_)) {
      Spawn(database_.world_.env(), database_.serve(exchange));
      co_await exchange->answered.wait();
      co_await node_.sleep(database_.travel());
      if (!database_.is_reachable_from(name_))
        exchange->commit = FailedWith(Failure::Kind::kAmbiguous);
    } else {
      exchange->commit = FailedWith(Failure::Kind::kUnavailable);
    }
    Commit commit = std::move(exchange->commit);
    if (commit.failure.has_value()) {
      const Failure& failure = *commit.failure;
      const bool explained = failure.op < explains.size() && explains[failure.op] != nullptr;
      if (IsAnswer(failure.kind)) {
        commit.status =
            explained
                ? explains[failure.op](failure)
                : absl::InternalError(absl::StrCat(label, ": operation ", failure.op, " failed"));
      }
    } else if (!rehearsal && listener_) {
      listener_(commit.revision);
    }
    co_return commit;
  }

  Task<absl::StatusOr<std::unique_ptr<storage::Snapshot>>> snapshot() override {
    co_await node_.sleep(database_.travel());
    if (!database_.is_reachable_from(name_)) co_return Gone();
    if (database_.world_.chance(database_.faults_.unavailable)) {
      database_.world_.hit("database: read refused");
      co_return Gone();
    }
    const uint64_t life = database_.life_;
    Database& database = database_;
    using Answer = absl::StatusOr<std::shared_ptr<Held>>;
    std::function<Task<Answer>()> ask = [&database] { return database.hold(); };
    const Answer held = co_await database.ask<Answer>(std::move(ask));
    if (!held.ok()) co_return held.status();
    if (database.life_ != life) co_return Gone();
    co_return std::make_unique<FaultySnapshot>(database, node_, name_, *held);
  }

  Task<absl::StatusOr<storage::PurgeResult>> purge(Timestamp before, size_t limit) override {
    co_await node_.sleep(database_.travel());
    if (!database_.is_reachable_from(name_)) co_return Gone();
    Database& database = database_;
    using Answer = absl::StatusOr<storage::PurgeResult>;
    std::function<Task<Answer>()> ask = [&database, before, limit] {
      return database.forget(before, limit);
    };
    const Answer result = co_await database.ask<Answer>(std::move(ask));
    const bool forgot = result.ok() && result->tombstones + result->requests > 0;
    if (forgot) database_.world_.hit("database: purge forgot something");
    if (forgot && listener_) listener_(Revision());
    co_return result;
  }

  void on_commit(std::function<void(Revision)> listener) override {
    listener_ = std::move(listener);
  }

 private:
  static bool IsAnswer(Failure::Kind kind) {
    return kind != Failure::Kind::kRetryable && kind != Failure::Kind::kAmbiguous &&
           kind != Failure::Kind::kUnavailable;
  }

  Database& database_;
  NodeEnv& node_;
  const std::string name_;
  std::function<void(Revision)> listener_;
};

Database::Database(World& world, Make make, std::vector<storage::IndexDefinition> indexes)
    : world_(world), make_(make), indexes_(std::move(indexes)), path_(NewPath()) {
  open();
}

Database::~Database() {
  engine_.reset();
  if (make_ == Make::kMemory) return;
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
}

void Database::open() {
  if (make_ == Make::kMemory) {
    if (engine_ == nullptr) engine_ = storage::NewMemoryEngine(world_.env());
    return;
  }
  storage::SqliteEngineOptions options;
  options.path = path_;
  options.indexes = indexes_;
  absl::StatusOr<std::unique_ptr<storage::Engine>> opened =
      storage::OpenSqliteEngine(world_.env(), std::move(options));
  HF_CHECK(opened.ok()) << opened.status();
  engine_ = *std::move(opened);
}

std::unique_ptr<storage::Engine> Database::connect(NodeEnv& node, std::string name) {
  return std::make_unique<Connection>(*this, node, std::move(name));
}

bool Database::is_reachable_from(const std::string& node) {
  if (cut_off_.count(node) == 0) return up_;
  world_.hit("database: cut off from a node");
  return false;
}

void Database::crash(Duration down_for) {
  if (!up_) return;
  up_ = false;
  ++life_;
  world_.note("database", "crashed");
  Spawn(world_.env(), restart(down_for));
}

Task<void> Database::restart(Duration down_for) {
  co_await world_.env().sleep(down_for);
  // Memory is the database itself there; a file is opened anew, when nobody has it in hand.
  while (make_ == Make::kSqlite && in_engine_ + snapshots_ > 0) {
    const uint64_t seen = quiet_.generation();
    if (in_engine_ + snapshots_ == 0) break;
    co_await quiet_.wait(seen);
  }
  if (make_ == Make::kSqlite) engine_.reset();
  open();
  up_ = true;
  world_.note("database", "is back");
}

Task<absl::StatusOr<std::shared_ptr<Database::Held>>> Database::hold() {
  const Visit visit(*this);
  absl::StatusOr<std::unique_ptr<storage::Snapshot>> taken = co_await engine_->snapshot();
  if (!taken.ok()) co_return taken.status();
  co_return std::make_shared<Held>(*this, *std::move(taken));
}

Task<absl::StatusOr<storage::PurgeResult>> Database::forget(Timestamp before, size_t limit) {
  const Visit visit(*this);
  co_return co_await engine_->purge(before, limit);
}

Duration Database::travel() {
  if (!world_.chance(faults_.slow)) return world_.between(kShortest, kLongest);
  world_.hit("database: slow");
  return world_.between(kLongest, faults_.most_slowness);
}

Task<void> Database::serve(std::shared_ptr<Exchange> exchange) {
  using Kind = Failure::Kind;
  const auto fails = [&](double p, const char* fault) {
    const bool yes = world_.chance(p);
    if (yes) world_.hit(fault);
    return yes;
  };
  if (!up_ || exchange->life != life_) {
    exchange->commit = FailedWith(Kind::kUnavailable);
  } else if (fails(faults_.retryable, "database: serialization failure")) {
    exchange->commit = FailedWith(Kind::kRetryable);
  } else if (fails(faults_.unavailable, "database: unavailable")) {
    exchange->commit = FailedWith(Kind::kUnavailable);
  } else if (fails(faults_.lost_before, "database: answer lost, not committed")) {
    exchange->commit = FailedWith(Kind::kAmbiguous);
  } else {
    co_await run(exchange);
    if (doomed_.has_value() && exchange->commit.ok()) crash(*std::exchange(doomed_, std::nullopt));
    const bool lost = fails(faults_.lost_after, "database: answer lost, committed");
    const bool dead = exchange->life != life_;
    if (dead) world_.hit("database: crash before the answer");
    if (lost || dead) exchange->commit = FailedWith(Kind::kAmbiguous);
  }
  exchange->answered.set();
}

Task<void> Database::run(std::shared_ptr<Exchange> exchange) {
  const bool observed =
      exchange->batch.mode == storage::Batch::Mode::kCommit && observer_ != nullptr;
  storage::Batch copy;
  if (observed) copy = exchange->batch;
  const Visit visit(*this);
  exchange->commit = co_await engine_->commit(std::move(exchange->batch));
  if (observed && exchange->commit.ok()) {
    untold_.emplace(exchange->commit.revision, std::move(copy));
  }
}

// Answers may come in another order than the commits were made in.
void Database::tell_observer() {
  while (!untold_.empty()) {
    const auto first = untold_.begin();
    const bool next = first->first.value() <= told_.value() + 1;
    if (!next && in_engine_ > 0) return;
    const Revision revision = first->first;
    const storage::Batch batch = std::move(first->second);
    untold_.erase(first);
    told_ = revision;
    observer_(batch, revision);
  }
}

}  // namespace holdfast::sim
