// holdfast: the command line of a Holdfast server. Flags to functions; commands.h has the commands.
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "holdfast/app/holdfast/commands.h"
#include "holdfast/app/holdfast/errors.h"

namespace {

using holdfast::cli::Context;

// All flags of all commands, and the command that was chosen.
struct Program {
  CLI::App app{"Reads and changes what a Holdfast server keeps."};
  holdfast::cli::GlobalFlags global;
  holdfast::cli::ListFlags list;
  holdfast::cli::WatchFlags watch;
  holdfast::cli::WriteFlags write;
  holdfast::cli::ExplainFlags explain;
  std::vector<std::string> names;
  std::vector<std::string> against;
  std::string text;
  int64_t limit = 0;
  std::function<absl::Status()> chosen;

  // A command that talks to the server.
  CLI::App* add(CLI::App& parent, const std::string& name, const std::string& help,
                std::function<absl::Status(Context&)> run) {
    CLI::App* command = parent.add_subcommand(name, help);
    command->callback([this, run = std::move(run)] {
      chosen = [this, run] {
        absl::StatusOr<std::unique_ptr<Context>> context = Context::Connect(global);
        return context.ok() ? run(**context) : context.status();
      };
    });
    return command;
  }
};

absl::Status RunWatch(const Program& p) {
  holdfast::cli::Interruption interruption;  // before any thread
  absl::StatusOr<std::unique_ptr<Context>> context = Context::Connect(p.global);
  return context.ok() ? Watch(**context, p.watch, interruption) : context.status();
}

void AddReading(Program& p) {
  CLI::App* get =
      p.add(p.app, "get", "show resources by name", [&](Context& c) { return Get(c, p.names); });
  get->add_option("names", p.names, "for example suites/bookworm")->required();

  CLI::App* list =
      p.add(p.app, "list", "show a collection", [&](Context& c) { return List(c, p.list); });
  list->add_option("collection", p.list.collection, "packages, or suites/bookworm/packages")
      ->required();
  list->add_option("--parent", p.list.parent, "the parent's name; - stands for any id");
  list->add_option("--filter", p.list.filter, "AIP-160, for example section = \"libs\"");
  list->add_option("--order-by", p.list.order_by, "for example installed_size desc");
  list->add_option("--fields", p.list.fields, "only these, comma-separated");
  list->add_option("--limit", p.list.limit, "at most so many");
  list->add_flag("--show-deleted", p.list.show_deleted, "also those being deleted");

  CLI::App* watch = p.app.add_subcommand("watch", "follow changes");
  watch->callback([&p] { p.chosen = [&p] { return RunWatch(p); }; });
  watch->add_option("target", p.watch.target, "a collection or a resource")->required();
  watch->add_option("--parent", p.watch.parent, "the parent's name");
  watch->add_option("--filter", p.watch.filter, "AIP-160");
  watch->add_option("--resume", p.watch.resume_token, "go on behind this token");
  watch->add_option("--count", p.watch.count, "stop after so many changes");
  watch->add_option("--until", p.watch.until, "current: stop when the snapshot is complete")
      ->check(CLI::IsMember({"current"}));
  watch->add_flag("--quiet", p.watch.quiet, "print only how many changes there were, at the end");
}

void AddWriteFlags(CLI::App* command, Program& p) {
  command->add_flag("--dry-run", p.write.dry_run, "check everything, change nothing");
  command->add_option("--request-id", p.write.request_id, "makes a repeat harmless");
}

void AddWriting(Program& p) {
  CLI::App* create =
      p.add(p.app, "create", "create one resource", [&](Context& c) { return Create(c, p.write); });
  CLI::App* update =
      p.add(p.app, "update", "change one resource", [&](Context& c) { return Update(c, p.write); });
  for (CLI::App* command : {create, update}) {
    CLI::Option* name = command->add_option("name", p.write.name, "the resource's name");
    CLI::Option* file = command->add_option("-f,--file", p.write.file, "YAML; - is standard input");
    name->excludes(file);
    command->add_option("--set", p.write.assignments, "field=value, as often as needed");
    AddWriteFlags(command, p);
  }
  update->add_option("--mask", p.write.mask, "fields to change, comma-separated; * is all")
      ->delimiter(',');
  update->add_option("--etag", p.write.etag, "only if it is still this one");
  update->add_flag("--allow-missing", p.write.allow_missing, "create it if it isn't there");

  CLI::App* remove =
      p.add(p.app, "delete", "delete one resource", [&](Context& c) { return Delete(c, p.write); });
  remove->add_option("name", p.write.name, "the resource's name")->required();
  remove->add_option("--etag", p.write.etag, "only if it is still this one");
  remove->add_option("--plan", p.write.plan_digest, "only what `explain delete` showed");
  remove->add_flag("--force", p.write.force, "also children that would stand against it");
  remove->add_flag("--allow-missing", p.write.allow_missing, "be content if it isn't there");
  AddWriteFlags(remove, p);

  CLI::App* apply = p.add(p.app, "apply", "create or update what a file describes",
                          [&](Context& c) { return Apply(c, p.write); });
  CLI::App* transact = p.add(p.app, "transact", "do a file's operations, all or none",
                             [&](Context& c) { return Transact(c, p.write); });
  for (CLI::App* command : {apply, transact}) {
    command->add_option("-f,--file", p.write.file, "YAML; - is standard input")->required();
    AddWriteFlags(command, p);
  }
}

void AddGraph(Program& p) {
  CLI::App* explain = p.app.add_subcommand("explain", "what would happen");
  explain->require_subcommand(1);
  CLI::App* remove = p.add(*explain, "delete", "what deleting a resource would do",
                           [&](Context& c) { return ExplainDelete(c, p.explain); });
  remove->add_option("name", p.explain.name, "the resource's name")->required();
  remove->add_flag("--force", p.explain.force, "as in delete");
  remove->add_option("--samples", p.explain.samples, "how many to name at each level")
      ->capture_default_str();

  CLI::App* refs = p.add(p.app, "refs", "who refers to a resource",
                         [&](Context& c) { return Refs(c, p.text, p.limit); });
  refs->add_option("name", p.text, "the resource's name")->required();
  refs->add_option("--limit", p.limit, "at most so many");

  CLI::App* tree = p.add(p.app, "tree", "what is below a resource",
                         [&](Context& c) { return Tree(c, p.text, p.limit > 0 ? p.limit : 20); });
  tree->add_option("name", p.text, "the resource's name")->required();
  tree->add_option("--limit", p.limit, "how many of each collection (20)");
}

void AddSchema(Program& p) {
  CLI::App* schema = p.app.add_subcommand("schema", "about kinds and their .proto files");
  schema->require_subcommand(1);
  CLI::App* check = schema->add_subcommand("check", "lint .proto files");
  check->add_option("folders", p.names, "folders with .proto files")->required();
  check->add_option("--against", p.against, "the folders in force: report what would break");
  check->callback(
      [&p] { p.chosen = [&p] { return holdfast::cli::SchemaCheck(p.names, p.against); }; });
  p.add(*schema, "kinds", "what the server keeps", holdfast::cli::SchemaKinds);
  CLI::App* dump = p.add(*schema, "export", "write the server's .proto files to a folder",
                         [&](Context& c) { return SchemaExport(c, p.text); });
  dump->add_option("folder", p.text, "where to")->required();

  CLI::App* fsck = p.add(p.app, "fsck", "read everything and check that it holds together",
                         [&](Context& c) { return Fsck(c, p.text); });
  fsck->add_option("--service", p.text, "only this service's database");

  CLI::App* completion = p.app.add_subcommand("completion", "completion for a shell");
  completion->add_option("shell", p.text, "bash")->required()->check(CLI::IsMember({"bash"}));
  completion->callback([&p] {
    p.chosen = [] {
      std::cout << holdfast::cli::BashCompletion();
      return absl::OkStatus();
    };
  });
}

}  // namespace

int main(int argc, char** argv) {
  Program p;
  p.app.require_subcommand(1);
  p.app.fallthrough();
  // Given twice (by an alias, and again) the last one counts.
  p.app.add_option("--server", p.global.server, "host:port of the server's gRPC")
      ->envname("HOLDFAST_SERVER")
      ->take_last()
      ->capture_default_str();
  p.app.add_option("-o,--output", p.global.output, "table, yaml, json or name")
      ->take_last()
      ->capture_default_str();
  p.app.add_option("--timeout", p.global.timeout_seconds, "seconds for one call")
      ->take_last()
      ->capture_default_str();
  AddReading(p);
  AddWriting(p);
  AddGraph(p);
  AddSchema(p);
  try {
    p.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // "A subcommand is required" would be all that a mistyped one is told.
    const std::vector<std::string> unknown = p.app.remaining();
    if (p.app.get_subcommands().empty() && !unknown.empty()) {
      std::cerr << "holdfast: there is no command \"" << unknown.front()
                << "\"; `holdfast --help` lists them\n";
      return holdfast::cli::kExitUsage;
    }
    return p.app.exit(error) == 0 ? holdfast::cli::kExitOk : holdfast::cli::kExitUsage;
  }
  const absl::Status status = p.chosen();
  if (!status.ok()) std::cerr << "holdfast: " << holdfast::cli::Explain(status) << "\n";
  return holdfast::cli::ExitCodeOf(status);
}
