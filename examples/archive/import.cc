#include "examples/archive/import.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "examples/archive/plan.h"
#include "examples/archive/sender.h"
#include "holdfast/base/macros.h"

namespace holdfast::archive {
namespace {

class Importer {
 public:
  Importer(Remote& remote, const Index& index, const ImportOptions& options)
      : remote_(remote),
        index_(index),
        options_(options),
        parent_(absl::StrCat("suites/", options.suite)),
        plan_(MakePlan(index, options.batch_size)),
        sender_(remote, {options.in_flight, options.patience_seconds,
                         [this](size_t operations) { report(operations); }}) {}

  absl::StatusOr<ImportResult> run() {
    const auto start = std::chrono::steady_clock::now();
    HF_ASSIGN_OR_RETURN(suites_, remote_.list(remote_.suites(), ""));
    // At once: while one list is decoded here the server is at the other.
    auto wanted = std::async(std::launch::async, [this] { return wanted_packages(); });
    auto sources =
        std::async(std::launch::async, [this] { return remote_.list(remote_.sources(), parent_); });
    HF_ASSIGN_OR_RETURN(packages_, remote_.list(remote_.packages(), parent_));
    HF_ASSIGN_OR_RETURN(sources_, sources.get());
    wanted_ = wanted.get();
    find_packages();
    all_ = index_.sources.size() + index_.packages.size() - sources_.by_name.size() -
           packages_.by_name.size();
    HF_RETURN_IF_ERROR(create_suite());
    HF_RETURN_IF_ERROR(create_sources());
    HF_RETURN_IF_ERROR(create_packages());
    HF_RETURN_IF_ERROR(update_packages());
    result_.packages = index_.packages.size();
    result_.sources = index_.sources.size();
    for (const Package& package : index_.packages) {
      result_.references += package.depends.size();
      result_.recommends += package.recommends.size();
    }
    result_.cycles = plan_.cycles;
    result_.requests = sender_.requests();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    result_.seconds = taken.count();
    return result_;
  }

 private:
  void report(size_t operations) {
    finished_ += operations;
    if (options_.progress) options_.progress(finished_, all_);
  }

  absl::Status create_suite() {
    if (suites_.by_name.contains(parent_)) return absl::OkStatus();
    SendJob job;
    job.operations = 1;
    job.build = [this](std::string_view id) {
      MessagePtr batch = remote_.new_batch(id);
      Remote::AddCreate(*batch, remote_.suites(), *remote_.suite(options_.suite));
      return batch;
    };
    ++all_;
    ++result_.created;
    return sender_.run({job});
  }

  absl::Status create_sources() {
    std::vector<const std::string*> missing;
    for (const std::string& source : index_.sources) {
      const std::string name = absl::StrCat(parent_, "/sources/", source);
      if (!sources_.by_name.contains(name)) missing.push_back(&source);
    }
    result_.created += missing.size();
    std::vector<SendJob> jobs;
    for (size_t begin = 0; begin < missing.size(); begin += options_.batch_size) {
      const size_t end = std::min(begin + options_.batch_size, missing.size());
      SendJob job;
      job.operations = end - begin;
      job.build = [this, begin, end, &missing](std::string_view id) {
        MessagePtr batch = remote_.new_batch(id);
        for (size_t i = begin; i < end; ++i) {
          Remote::AddCreate(*batch, remote_.sources(),
                            *remote_.source(options_.suite, *missing[i]));
        }
        return batch;
      };
      jobs.push_back(std::move(job));
    }
    return sender_.run(jobs);
  }

  // In the index's order, as Remote::list gives what is there.
  std::vector<std::string> wanted_packages() const {
    std::vector<std::string> wanted;
    wanted.reserve(index_.packages.size());
    for (const Package& package : index_.packages) {
      wanted.push_back(
          Serialize(*remote_.package(options_.suite, index_, package, package.recommends)));
    }
    return wanted;
  }

  void find_packages() {
    there_.resize(index_.packages.size());
    for (size_t i = 0; i < index_.packages.size(); ++i) {
      const auto found =
          packages_.by_name.find(absl::StrCat(parent_, "/packages/", index_.packages[i].name));
      if (found != packages_.by_name.end()) there_[i] = found->second;
    }
  }

  bool exists(size_t package) const { return !there_[package].empty(); }

  // Those of a new package's `recommends` that are there when its batch is committed.
  std::vector<size_t> early_recommends(size_t package) const {
    std::vector<size_t> early;
    const PlannedBatch& own = plan_.batches[plan_.batch_of[package]];
    for (size_t target : index_.packages[package].recommends) {
      const size_t batch = plan_.batch_of[target];
      if (exists(target) || batch == plan_.batch_of[package] ||
          std::binary_search(own.after.begin(), own.after.end(), batch)) {
        early.push_back(target);
      }
    }
    return early;
  }

  MessagePtr build_creations(const PlannedBatch& planned, std::string_view id) {
    MessagePtr batch = remote_.new_batch(id);
    for (size_t package : planned.packages) {
      if (exists(package)) continue;
      Remote::AddCreate(*batch, remote_.packages(),
                        *remote_.package(options_.suite, index_, index_.packages[package],
                                         early_recommends(package)));
    }
    return batch;
  }

  absl::Status create_packages() {
    std::vector<SendJob> jobs;
    std::vector<size_t> job_of(plan_.batches.size(), kNone);
    for (size_t b = 0; b < plan_.batches.size(); ++b) {
      const PlannedBatch& planned = plan_.batches[b];
      SendJob job;
      for (size_t package : planned.packages) job.operations += exists(package) ? 0 : 1;
      if (job.operations == 0) continue;
      for (size_t before : planned.after) {
        if (job_of[before] != kNone) job.after.push_back(job_of[before]);
      }
      job.build = [this, &planned](std::string_view id) { return build_creations(planned, id); };
      result_.created += job.operations;
      job_of[b] = jobs.size();
      jobs.push_back(std::move(job));
    }
    return sender_.run(jobs);
  }

  // Packages that aren't yet as the list says: just created without all of `recommends`, or there
  // from before and different.
  std::vector<size_t> find_different() {
    std::vector<size_t> different;
    for (size_t i = 0; i < index_.packages.size(); ++i) {
      const Package& package = index_.packages[i];
      if (!exists(i)) {
        if (early_recommends(i).size() == package.recommends.size()) continue;
        ++result_.completed;
      } else {
        if (remote_.same(remote_.packages(), there_[i], wanted_[i])) continue;
        ++result_.updated;
      }
      different.push_back(i);
    }
    return different;
  }

  absl::Status update_packages() {
    const std::vector<size_t> different = find_different();
    all_ += different.size();
    std::vector<SendJob> jobs;
    for (size_t begin = 0; begin < different.size(); begin += options_.batch_size) {
      const size_t end = std::min(begin + options_.batch_size, different.size());
      SendJob job;
      job.operations = end - begin;
      job.build = [this, begin, end, &different](std::string_view id) {
        MessagePtr batch = remote_.new_batch(id);
        for (size_t i = begin; i < end; ++i) {
          const Package& package = index_.packages[different[i]];
          Remote::AddUpdate(*batch, remote_.packages(),
                            *remote_.package(options_.suite, index_, package, package.recommends));
        }
        return batch;
      };
      jobs.push_back(std::move(job));
    }
    return sender_.run(jobs);
  }

  static constexpr size_t kNone = static_cast<size_t>(-1);

  Remote& remote_;
  const Index& index_;
  const ImportOptions& options_;
  const std::string parent_;
  const Plan plan_;
  Sender sender_;
  Listing suites_;
  Listing sources_;
  Listing packages_;
  // By package: the resource that is there (empty: none), and the one that should be; serialized.
  std::vector<std::string_view> there_;
  std::vector<std::string> wanted_;
  size_t all_ = 0;
  size_t finished_ = 0;
  ImportResult result_;
};

}  // namespace

absl::StatusOr<ImportResult> Import(Remote& remote, const Index& index,
                                    const ImportOptions& options) {
  return Importer(remote, index, options).run();
}

}  // namespace holdfast::archive
