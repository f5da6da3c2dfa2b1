#include "holdfast/server/metrics.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "holdfast/base/strings.h"

namespace holdfast::server {
namespace {

// `a="b",c="d"`, escaped as the text format asks.
std::string LabelText(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    const std::string escaped =
        absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}});
    absl::StrAppend(&text, text.empty() ? "" : ",", name, "=\"", escaped, "\"");
  }
  return text;
}

std::string Braced(const std::string& labels) {
  return labels.empty() ? "" : absl::StrCat("{", labels, "}");
}

std::string InSeconds(int64_t microseconds) {
  return absl::StrCat(static_cast<double>(microseconds) / 1e6);
}

}  // namespace

void Histogram::observe(Duration took) {
  size_t bucket = 0;
  while (bucket < kBounds.size() && took.value() > kBounds[bucket]) ++bucket;
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(took.value(), std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
}

Metrics::Series& Metrics::series(std::string_view name, std::string_view type,
                                 std::string_view help, const Labels& labels) {
  Family& family = families_[std::string(name)];
  family.type = type;
  family.help = help;
  return family.series[LabelText(labels)];
}

Counter& Metrics::add_counter(std::string_view name, std::string_view help, Labels labels) {
  const MutexLock lock(mutex_);
  Series& made = series(name, "counter", help, labels);
  if (made.counter == nullptr) made.counter = std::make_unique<Counter>();
  return *made.counter;
}

Gauge& Metrics::add_gauge(std::string_view name, std::string_view help, Labels labels) {
  const MutexLock lock(mutex_);
  Series& made = series(name, "gauge", help, labels);
  if (made.gauge == nullptr) made.gauge = std::make_unique<Gauge>();
  return *made.gauge;
}

Histogram& Metrics::add_histogram(std::string_view name, std::string_view help, Labels labels) {
  const MutexLock lock(mutex_);
  Series& made = series(name, "histogram", help, labels);
  if (made.histogram == nullptr) made.histogram = std::make_shared<Histogram>();
  return *made.histogram;
}

void Metrics::show_histogram(std::string_view name, std::string_view help, Labels labels,
                             std::shared_ptr<Histogram> histogram) {
  const MutexLock lock(mutex_);
  series(name, "histogram", help, labels).histogram = std::move(histogram);
}

void Metrics::add_reader(std::string_view name, std::string_view help, Labels labels,
                         std::function<int64_t()> read) {
  const MutexLock lock(mutex_);
  series(name, "gauge", help, labels).read = std::move(read);
}

void Metrics::AppendHistogram(std::string& out, const std::string& name, const std::string& labels,
                              const Histogram& histogram) {
  const std::string comma = labels.empty() ? "" : ",";
  int64_t below = 0;
  for (size_t i = 0; i <= Histogram::kBounds.size(); ++i) {
    below += histogram.buckets_[i].load(std::memory_order_relaxed);
    const std::string bound =
        i < Histogram::kBounds.size() ? InSeconds(Histogram::kBounds[i]) : "+Inf";
    absl::StrAppend(&out, name, "_bucket{", labels, comma, "le=\"", bound, "\"} ", below, "\n");
  }
  absl::StrAppend(&out, name, "_sum", Braced(labels), " ",
                  InSeconds(histogram.sum_.load(std::memory_order_relaxed)), "\n");
  // The buckets' own total: scrapers want it to equal the last bucket.
  absl::StrAppend(&out, name, "_count", Braced(labels), " ", below, "\n");
}

std::string Metrics::text() const {
  const MutexLock lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    absl::StrAppend(&out, "# HELP ", name, " ", family.help, "\n# TYPE ", name, " ", family.type,
                    "\n");
    for (const auto& [labels, one] : family.series) {
      if (one.histogram != nullptr) {
        // Methods that nobody has called yet would be most of the page.
        if (one.histogram->count() > 0) AppendHistogram(out, name, labels, *one.histogram);
        continue;
      }
      // The same for outcomes that nobody has had yet.
      if (one.counter != nullptr && !labels.empty() && one.counter->value() == 0) continue;
      const int64_t value = one.counter != nullptr ? one.counter->value()
                            : one.gauge != nullptr ? one.gauge->value()
                            : one.read             ? one.read()
                                                   : 0;
      absl::StrAppend(&out, name, Braced(labels), " ", value, "\n");
    }
  }
  return out;
}

}  // namespace holdfast::server
