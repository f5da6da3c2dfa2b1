#include "holdfast/server/position.h"

#include <utility>

#include "holdfast/base/error.h"
#include "holdfast/base/hash.h"
#include "holdfast/base/token.h"

namespace holdfast::server {
namespace {

// The first byte of a payload, so that the layout may change.
constexpr char kLayout = 1;
// Base64 makes four bytes of three.
constexpr size_t kMaxPayloadBytes = kMaxTokenBytes / 4 * 3 - 64;

// Strings as length and bytes, numbers as eight bytes.
class Writer {
 public:
  Writer() { bytes_.push_back(kLayout); }

  void number(int64_t value) {
    for (int shift = 0; shift < 64; shift += 8) {
      bytes_.push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
    }
  }
  void text(std::string_view value) {
    number(static_cast<int64_t>(value.size()));
    bytes_.append(value);
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Of sealed payloads, so only a layout of another version can be malformed; then ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {
    ok_ = !rest_.empty() && rest_[0] == kLayout;
    if (ok_) rest_.remove_prefix(1);
  }

  int64_t number() {
    if (!take(8)) return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < 8; ++i) {
      value |= static_cast<uint64_t>(static_cast<unsigned char>(taken_[i])) << (8 * i);
    }
    return static_cast<int64_t>(value);
  }
  std::string text() {
    const int64_t size = number();
    if (size < 0 || !take(static_cast<size_t>(size))) return "";
    return std::string(taken_);
  }
  [[nodiscard]] bool at_end() const { return ok_ && rest_.empty(); }

 private:
  bool take(size_t count) {
    if (!ok_ || count > rest_.size()) return ok_ = false;
    taken_ = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return true;
  }

  std::string_view rest_;
  std::string_view taken_;
  bool ok_ = false;
};

absl::Status BadPage(std::string_view problem) {
  return FieldError(Reason::kInvalidPageToken, "page_token", problem);
}

absl::Status BadWatch(std::string_view problem) {
  return FieldError(Reason::kInvalidResumeToken, "resume_token", problem);
}

constexpr char kForged[] = "isn't a token that this service gave out";
constexpr char kOtherRequest[] =
    "belongs to another request: only page_size may change from page to page";
constexpr char kOtherWatch[] = "belongs to a watch with other parameters";
constexpr char kOtherDatabase[] = "is of another database (was a backup restored?); start anew";

}  // namespace

absl::StatusOr<std::string> SealPage(const Deployment& deployment, std::string_view request_hash,
                                     const PagePosition& position) {
  Writer writer;
  writer.text(request_hash);
  writer.text(deployment.engine->incarnation());
  writer.number(position.revision.value());
  writer.number(static_cast<int64_t>(position.parts.size()));
  for (const std::string& part : position.parts) writer.text(part);
  if (writer.bytes().size() > kMaxPayloadBytes) {
    return FieldError(Reason::kInvalidOrderBy, "order_by",
                      "sorts by values that are too long to page by");
  }
  return SealToken(deployment.token_key, "page", writer.bytes());
}

absl::StatusOr<PagePosition> OpenPage(const Deployment& deployment, std::string_view request_hash,
                                      size_t parts, const std::string& token) {
  const absl::StatusOr<std::string> payload = OpenToken(deployment.token_key, "page", token);
  if (!payload.ok()) return BadPage(kForged);
  Reader reader(*payload);
  const std::string hash = reader.text();
  const std::string incarnation = reader.text();
  PagePosition position;
  position.revision = Revision(reader.number());
  const int64_t count = reader.number();
  if (hash != request_hash) return BadPage(kOtherRequest);
  if (incarnation != deployment.engine->incarnation()) return BadPage(kOtherDatabase);
  if (count != static_cast<int64_t>(parts)) return BadPage(kForged);
  for (size_t i = 0; i < parts; ++i) position.parts.push_back(reader.text());
  if (!reader.at_end()) return BadPage(kForged);
  return position;
}

std::string SealWatch(const Deployment& deployment, std::string_view request_hash,
                      const WatchPosition& position) {
  Writer writer;
  writer.text(request_hash);
  writer.number(static_cast<int64_t>(position.phase));
  writer.text(position.cursor.incarnation);
  writer.number(position.cursor.revision.value());
  writer.number(position.cursor.key.has_value() ? 1 : 0);
  const ResourceKey key = position.cursor.key.value_or(ResourceKey{});
  writer.text(key.kind.str());
  writer.text(key.name.str());
  writer.text(position.snapshot_end.kind.str());
  writer.text(position.snapshot_end.name.str());
  if (!position.cursor.snapshot.empty()) writer.text(position.cursor.snapshot);
  return SealToken(deployment.token_key, "resume", writer.bytes());
}

absl::StatusOr<WatchPosition> OpenWatch(const Deployment& deployment, std::string_view request_hash,
                                        const std::string& token) {
  const absl::StatusOr<std::string> payload = OpenToken(deployment.token_key, "resume", token);
  if (!payload.ok()) return BadWatch(kForged);
  Reader reader(*payload);
  const std::string hash = reader.text();
  WatchPosition position;
  const int64_t phase = reader.number();
  position.cursor.incarnation = reader.text();
  position.cursor.revision = Revision(reader.number());
  const bool has_key = reader.number() != 0;
  ResourceKey key;
  key.kind = KindName(reader.text());
  key.name = ResourceName(reader.text());
  if (has_key) position.cursor.key = std::move(key);
  position.snapshot_end.kind = KindName(reader.text());
  position.snapshot_end.name = ResourceName(reader.text());
  if (!reader.at_end()) position.cursor.snapshot = reader.text();
  const auto last = static_cast<int64_t>(WatchPosition::Phase::kChanges);
  if (!reader.at_end() || phase < 0 || phase > last) return BadWatch(kForged);
  if (hash != request_hash) return BadWatch(kOtherWatch);
  position.phase = static_cast<WatchPosition::Phase>(phase);
  return position;
}

}  // namespace holdfast::server
