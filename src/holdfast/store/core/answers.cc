#include "holdfast/store/core/answers.h"

#include <zlib.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/gzip_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/base/texts.h"
#include "holdfast/store/core/codec.h"

namespace holdfast::store {
namespace {

namespace io = google::protobuf::io;

// An answer's first byte.
constexpr char kPlain = 0;
constexpr char kCompressed = 1;
// Preparing to compress costs as much as writing some KiB.
constexpr size_t kWorthCompressing = 4 << 10;

// Resources of one kind have much in common: those of a large batch shrink to a quarter, in less
// time than the database takes to write the rest.
std::string Compress(std::string_view text) {
  std::string bytes(1, kCompressed);
  io::StringOutputStream stream(&bytes);
  io::GzipOutputStream::Options options;
  options.format = io::GzipOutputStream::ZLIB;
  options.compression_level = 1;
  io::GzipOutputStream zip(&stream, options);
  {
    io::CodedOutputStream coded(&zip);
    coded.WriteRaw(text.data(), static_cast<int>(text.size()));
  }
  HF_CHECK(zip.Close()) << "compressing in memory can't fail";
  return bytes;
}

absl::StatusOr<std::string> Decompress(std::string_view bytes) {
  io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  io::GzipInputStream zip(&stream, io::GzipInputStream::ZLIB);
  std::string text;
  const void* block = nullptr;
  int size = 0;
  while (zip.Next(&block, &size)) text.append(static_cast<const char*>(block), size);
  if (zip.ZlibErrorCode() != Z_STREAM_END) {
    return MakeError(Reason::kInternal, "a kept answer can't be read");
  }
  return text;
}

absl::StatusOr<std::vector<SharedMessage>> Unpack(const Plans& plans, std::string_view answer) {
  std::vector<SharedMessage> resources;
  while (!answer.empty()) {
    HF_ASSIGN_OR_RETURN(const std::string_view kind, TakeText(answer));
    if (kind.empty()) {
      resources.emplace_back(nullptr);
      continue;
    }
    HF_ASSIGN_OR_RETURN(const std::string_view body, TakeText(answer));
    const KindPlan* plan = plans.find(KindName(kind));
    if (plan == nullptr) {
      return MakeError(Reason::kInternal,
                       absl::StrCat("a kept answer is of the unknown kind ", ToAbsl(kind)));
    }
    MessagePtr resource = plans.schema().new_message(plan->kind->message);
    if (!resource->ParseFromArray(body.data(), static_cast<int>(body.size()))) {
      return MakeError(Reason::kInternal, "a kept answer can't be read");
    }
    resources.emplace_back(std::move(resource));
  }
  return resources;
}

}  // namespace

std::string PackAnswer(const WriteSet& set) {
  std::string answer(1, kPlain);
  for (const Change* change : set.results()) {
    if (change == nullptr || change->after == nullptr) {
      PutText("", answer);
      continue;
    }
    PutText(change->plan->name().str(), answer);
    PutText(Serialize(*change->after), answer);
  }
  if (answer.size() < kWorthCompressing) return answer;
  return Compress(std::string_view(answer).substr(1));
}

absl::StatusOr<std::vector<SharedMessage>> UnpackAnswer(const Plans& plans,
                                                        std::string_view answer) {
  if (answer.empty()) return MakeError(Reason::kInternal, "a kept answer is missing");
  const std::string_view packed = answer.substr(1);
  if (answer[0] == kPlain) return Unpack(plans, packed);
  HF_ASSIGN_OR_RETURN(const std::string text, Decompress(packed));
  return Unpack(plans, text);
}

}  // namespace holdfast::store
