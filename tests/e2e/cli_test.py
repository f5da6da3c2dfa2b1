#!/usr/bin/env python3
"""The command line against a real server: every command, every output, every exit code."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading

import harness

VPC = "organizations/acme/projects/web/vpcs/default"
SUBNET = f"{VPC}/subnets/default"
INSTANCE = "organizations/acme/projects/web/instances/one"


class Answer:
    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err
        self.lines = out.splitlines()

    def __str__(self):
        return f"$ holdfast {' '.join(self.command)}\n{self.out}{self.err}-> {self.code}"


class Cli:
    def __init__(self, server):
        self.environment = {**os.environ, "HOLDFAST_SERVER": server, "LC_ALL": "C.UTF-8"}

    def run(self, *command, stdin=""):
        done = subprocess.run([harness.BIN / "holdfast", *command], input=stdin, text=True,
                              capture_output=True, timeout=60, env=self.environment, check=False)
        return Answer(command, done.returncode, done.stdout, done.stderr)

    def ok(self, *command, stdin=""):
        answer = self.run(*command, stdin=stdin)
        assert answer.code == 0, answer
        return answer

    def fails(self, code, says, *command, stdin=""):
        """Ends with this code, says so on standard error, and prints no result."""
        answer = self.run(*command, stdin=stdin)
        assert answer.code == code and says in answer.err and not answer.out, answer
        return answer

    def json(self, *command, stdin=""):
        """The objects that the command printed, one a line."""
        return [json.loads(line) for line in self.ok(*command, "-o", "json", stdin=stdin).lines]

    def names(self, collection, *flags):
        return self.ok("list", collection, "-o", "name", *flags).lines


def equal(seen, wanted):
    assert seen == wanted, f"\nwanted {wanted!r}\nsaw    {seen!r}"


def kinds(cli):
    rows = [line.split() for line in cli.ok("schema", "kinds").lines]
    equal(len(rows), 12)
    assert ["network.example.com/Organization", "organizations",
            "organizations/{organization}"] in rows, rows
    harness.record("kinds", "B11")


def create_and_get(cli):
    made = cli.json("create", "organizations/acme", "--set", "display_name=ACME: Inc")[0]
    equal(made["displayName"], "ACME: Inc")
    equal(made["metadata"]["resourceVersion"], "1")
    equal(cli.json("get", "organizations/acme")[0], made)
    cli.ok("create", "-f", "-", "--set", "displayName=Web",
           stdin="name: organizations/acme/projects/web\ndisplay_name: replaced\n")
    # One is a document, several are tables, one a kind.
    assert "displayName: \"ACME: Inc\"" in cli.ok("get", "organizations/acme").lines
    equal(cli.ok("get", "organizations/acme", "organizations/acme/projects/web").lines,
          ["NAME                DISPLAY_NAME", "organizations/acme  ACME: Inc", "",
           "NAME                             DISPLAY_NAME",
           "organizations/acme/projects/web  Web"])
    equal(cli.ok("get", "organizations/acme", "-o", "name").lines, ["organizations/acme"])


def lists(cli):
    rules = [f"{VPC}/firewallRules/allow-{rule}" for rule in ("icmp", "internal", "ssh")]
    equal(cli.names(f"{VPC}/firewallRules"), rules)
    equal(cli.names("firewallRules"), rules)
    equal(cli.names("FirewallRule", "--parent", VPC), rules)
    equal(cli.names("organizations/-/projects/-/vpcs"), [VPC])
    equal(cli.names("firewallRules", "--filter", 'protocol = "tcp"'), rules[2:])
    equal(cli.names("firewallRules", "--order-by", "protocol desc", "--limit", "2"),
          [rules[2], rules[0]])
    equal(cli.ok("list", "firewallRules", "--fields", "name,ports").lines[0].split(),
          ["NAME", "PORTS"])
    equal([rule.get("ports") for rule in cli.json("list", "firewallRules")], [None, None, "22"])
    documents = cli.ok("list", "firewallRules", "-o", "yaml").out.split("---\n")
    equal([text.splitlines()[0] for text in documents], [f"name: {rule}" for rule in rules])
    # More than a page of the server's.
    operations = "".join(f"- create: {{name: organizations/o{i:04}}}\n" for i in range(1100))
    first, rest = operations.splitlines(True)[:500], operations.splitlines(True)[500:1000]
    for batch in (first, rest, operations.splitlines(True)[1000:]):
        cli.ok("transact", "-f", "-", stdin="".join(batch))
    equal(len(cli.names("organizations")), 1101)
    equal(len(cli.names("organizations", "--limit", "1050")), 1050)


def updates(cli):
    first = cli.json("update", "organizations/acme", "--set", "displayName=New")[0]
    equal((first["displayName"], first["metadata"]["generation"]), ("New", "2"))
    etag = first["metadata"]["etag"]
    labelled = cli.json("update", "organizations/acme", "--set", "metadata.labels.`a.b`=c")[0]
    equal((labelled["displayName"], labelled["metadata"]["labels"]), ("New", {"a.b": "c"}))
    cli.fails(5, "ETAG_MISMATCH", "update", "organizations/acme", "--set", "display_name=x",
              "--etag", etag)
    cleared = cli.json("update", "organizations/acme", "--set", "display_name=")[0]
    assert "displayName" not in cleared, cleared
    masked = cli.json("update", "-f", "-", "--mask", "display_name",
                      stdin="name: organizations/acme\ndisplay_name: y\nmetadata: {labels: {}}\n")
    equal((masked[0]["displayName"], masked[0]["metadata"]["labels"]), ("y", {"a.b": "c"}))
    cli.fails(3, "NOT_FOUND", "update", "organizations/new", "--set", "display_name=x")
    cli.ok("update", "organizations/new", "--set", "display_name=x", "--allow-missing")
    cli.ok("delete", "organizations/new")


def dry_runs(cli):
    cli.ok("create", "organizations/dry", "--dry-run")
    cli.fails(4, "ALREADY_EXISTS", "create", "organizations/acme", "--dry-run")
    equal(cli.ok("apply", "-f", "-", "--dry-run", stdin="name: organizations/dry\n").lines,
          ["would have applied organizations/dry"])
    cli.ok("transact", "-f", "-", "--dry-run", stdin="- delete: organizations/o0001\n")
    equal(cli.ok("delete", "organizations/o0001", "--dry-run").lines,
          ["would delete organizations/o0001"])
    cli.fails(3, "NOT_FOUND", "get", "organizations/dry")
    cli.ok("get", "organizations/o0001")
    cli.ok("create", "organizations/dry", "--request-id", "once")
    cli.ok("create", "organizations/dry", "--request-id", "once")
    cli.ok("delete", "organizations/dry")


def applies(cli, folder):
    """In any order, cycles too; a second time nothing changes."""
    file = pathlib.Path(folder) / "suite.yaml"
    file.write_text("""
name: suites/s/packages/a
source: suites/s/sources/src
depends: [suites/s/packages/b+1.0]
---
name: suites/s/packages/b+1.0
depends: [suites/s/packages/a]
---
kind: SourcePackage
name: suites/s/sources/src
---
name: suites/s
""")
    equal(cli.ok("apply", "-f", str(file)).lines,
          ["applied suites/s", "applied suites/s/sources/src",
           "applied suites/s/packages/a", "applied suites/s/packages/b+1.0"])
    before = cli.json("get", "suites/s/packages/a")
    cli.ok("apply", "-f", str(file))
    equal(cli.json("get", "suites/s/packages/a"), before)
    # More than a batch, whatever the order in the file: what is referred to comes first.
    chain = [f"name: suites/s/packages/c{i}\ndepends: [suites/s/packages/c{i + 1}]\n"
             for i in range(700)] + ["name: suites/s/packages/c700\n"]
    equal(len(cli.ok("apply", "-f", "-", stdin="---\n".join(chain)).lines), 701)
    cli.fails(2, "a dry run can't", "apply", "-f", "-", "--dry-run", stdin="---\n".join(chain))
    # Two services in one file.
    cli.ok("apply", "-f", "-", stdin="name: suites/t\n---\nname: organizations/t\n")
    cli.fails(2, "f.yaml:2:1: Suite has no field \"colour\"", "apply", "-f",
              write(folder, "f.yaml", "name: suites/u\ncolour: red\n"))
    cli.fails(2, "can't read", "apply", "-f", str(file) + ".none")
    return str(file)


def write(folder, name, text):
    path = pathlib.Path(folder) / name
    path.write_text(text)
    os.chdir(folder)
    return name


def transacts(cli):
    equal(cli.ok("transact", "-f", "-", stdin="""
- create: {name: suites/s/packages/x}
- update: {name: suites/s/packages/b+1.0, version: "2"}
""").lines,
          ["created suites/s/packages/x", "updated suites/s/packages/b+1.0"])
    # All or none: the third fails.
    cli.fails(4, "operation 2 (suites/s/packages/c700)", "transact", "-f", "-", stdin="""
- create: {name: suites/s/packages/y}
- delete: suites/s/packages/x
- delete: suites/s/packages/c700
""")
    cli.fails(3, "NOT_FOUND", "get", "suites/s/packages/y")
    cli.ok("get", "suites/s/packages/x")
    answer = cli.json("transact", "-f", "-", stdin="- delete: suites/s/packages/x\n")[0]
    equal(answer["results"], [{"label": "suites/s/packages/x", "deleted": {}}])
    cli.fails(2, "is of another service", "transact", "-f", "-",
              stdin="- create: {name: suites/q}\n- create: {name: organizations/q}\n")
    harness.record("transacts", "B6")


def graph(cli):
    equal(cli.ok("tree", "organizations/acme").lines[:3],
          ["Organization organizations/acme", "  Project organizations/acme/projects/web",
           f"    Vpc {VPC}"])
    assert f"        Route {VPC}/routers/system/routes/default-subnet" in cli.ok(
        "tree", "organizations/acme").lines
    assert "  … more firewallRules (--limit)" in cli.ok("tree", VPC, "--limit", "1").lines
    cli.ok("create", INSTANCE, "--set", "cpus=2", "--set", f"interfaces=[{{subnet: {SUBNET}}}]")
    refs = cli.json("refs", SUBNET)
    equal([(r["name"], r["field"], r["onDelete"]) for r in refs],
          [(INSTANCE, "interfaces[].subnet", "BLOCK"),
           (f"{VPC}/routers/system/routes/default-subnet", "subnet", "CASCADE_DELETE")])
    answer = cli.ok("refs", SUBNET, "--limit", "1", "-o", "name")
    equal((answer.lines, answer.err), ([INSTANCE], f"2 references to {SUBNET}\n"))
    harness.record("graph", "B8")


def deletes(cli):
    refused = cli.fails(4, "FAILED_PRECONDITION", "delete", VPC)
    assert f"BLOCKED_BY {INSTANCE}" in refused.err, refused
    plan = cli.ok("explain", "delete", VPC)
    assert plan.lines[0] == f"deleted  {VPC}", plan
    assert f"    BLOCKS  {INSTANCE}  (interfaces[].subnet)" in plan.lines, plan
    equal(plan.lines[-2:], ["9 would be deleted, 0 unset, 1 block",
                            "it can't be deleted as things are"])
    cli.ok("delete", INSTANCE)
    # What is explained can be executed exactly, or not at all.
    digest = cli.json("explain", "delete", VPC)[0]["planDigest"]
    assert cli.ok("explain", "delete", VPC).lines[-1].endswith(f"delete {VPC} --plan {digest}")
    cli.ok("create", f"{VPC}/firewallRules/one-more")
    cli.fails(4, "PLAN_CHANGED", "delete", VPC, "--plan", digest)
    digest = cli.json("explain", "delete", VPC)[0]["planDigest"]
    equal(cli.ok("delete", VPC, "--plan", digest).lines, [f"deleted {VPC}"])
    equal(cli.names("firewallRules"), [])
    cli.fails(3, "NOT_FOUND", "delete", VPC)
    cli.ok("delete", VPC, "--allow-missing")
    cli.fails(4, "DELETE_BLOCKED", "delete", "organizations/acme")
    cli.ok("delete", "organizations/acme", "--force")
    equal(cli.names("projects"), [])
    harness.record("deletes", "B7")


def watches(cli):
    cli.ok("create", "organizations/w")
    shot = cli.ok("watch", "organizations/w", "--until", "current")
    equal(shot.lines, ["+ organizations/w @1"])
    token = shot.err.split("--resume ")[1].strip()
    cli.ok("update", "organizations/w", "--set", "display_name=x")
    cli.ok("delete", "organizations/w")
    # A token names what was watched: it goes on where it was, and nothing of it comes again.
    behind = cli.ok("watch", "organizations/w", "--resume", token, "--count", "1")
    equal(behind.lines, ["- organizations/w"])
    cli.fails(2, "INVALID_RESUME_TOKEN", "watch", "suites", "--resume", token)
    snapshot = cli.json("watch", "suites", "--until", "current", "--filter", 'name = "suites/t"')
    equal([(c["type"], c["name"]) for c in snapshot], [("SET", "suites/t")])
    quiet = cli.ok("watch", "organizations", "--until", "current", "--quiet")
    assert int(quiet.out) > 1000, quiet
    # Interrupted it ends well, and says where to go on.
    process = subprocess.Popen([harness.BIN / "holdfast", "watch", "suites"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=cli.environment)
    timer = threading.Timer(30, process.kill)
    timer.start()
    equal([process.stdout.readline() for _ in range(2)],
          ["+ suites/s @1\n", "+ suites/t @1\n"])
    cli.ok("create", "suites/v")
    equal(process.stdout.readline(), "+ suites/v @1\n")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    timer.cancel()
    assert process.returncode == 0 and "--resume " in err, (process.returncode, err)


def schemas(cli, folder):
    equal(cli.ok("schema", "check", str(harness.ARCHIVE_PROTOS)).lines, ["no findings"])
    out = pathlib.Path(folder) / "exported"
    files = cli.ok("schema", "export", str(out)).lines
    assert str(out / "archive/v1/archive.proto") in files, files
    assert "rpc Transact(" in (out / "archive/v1/holdfast_api.proto").read_text()
    changed = pathlib.Path(folder) / "changed"
    changed.mkdir()
    text = (harness.ARCHIVE_PROTOS / "archive/v1/archive.proto").read_text()
    (changed / "archive.proto").write_text(text.replace("  string section = 4;\n", ""))
    broken = cli.run("schema", "check", str(changed))
    assert broken.code == 4 and "archive.proto:" in broken.out and "section" in broken.out, broken
    (changed / "archive.proto").write_text(text.replace("  int64 installed_size = 7;\n", ""))
    equal(cli.run("schema", "check", str(changed)).code, 0)
    against = cli.run("schema", "check", str(changed), "--against", str(harness.ARCHIVE_PROTOS))
    assert against.code == 4 and "installed_size" in against.out, against


def fscks(cli):
    equal(cli.ok("fsck").lines[-1].split(", ")[-1], "0 findings")
    report = cli.json("fsck", "--service", "archive.example.com")[0]
    equal(int(report["references"]), 703)
    cli.fails(2, "INVALID_ARGUMENT", "fsck", "--service", "nobody.example.com")


def exit_codes(cli):
    for command, code, says in (
            (("wombat",), 2, "no command \"wombat\""),
            (("get",), 2, "names is required"),
            (("list", "suites", "-o", "xml"), 2, "no output format"),
            (("create",), 2, "give the resource's name"),
            (("create", "suites/z", "--set", "colour=red"), 2, "no field \"colour\""),
            (("create", "suites/!"), 3, "has the form of no kind"),
            (("list", "suites/s/packages", "--filter", "version >"), 2, "INVALID_FILTER"),
            (("list", "suites", "--order-by", "colour"), 2, "INVALID_ORDER_BY"),
            (("watch", "suites", "--until", "tomorrow"), 2, "tomorrow"),
            (("get", "suites/none"), 3, "NOT_FOUND"),
            (("list", "wombats"), 3, "it has: packages"),
            (("list", "suites/none/packages", "--server", "127.0.0.1:1"), 6, "UNAVAILABLE"),
            (("create", "suites/s"), 4, "ALREADY_EXISTS"),
            (("create", "suites/none/packages/p"), 3, "PARENT_NOT_FOUND"),
            (("delete", "suites/s/packages/c700"), 4, "DELETE_BLOCKED"),
            (("list", "packages", "--timeout", "0.000001"), 6, "DEADLINE_EXCEEDED")):
        cli.fails(code, says, *command)
    equal(cli.run("--help").code, 0)
    equal(cli.run("list", "--help").code, 0)


# What bash has at hand where a person presses Tab.
COMPLETE = r"""
eval "$(holdfast completion bash)"
COMP_WORDS=(holdfast "$@")
COMP_CWORD=$#
_holdfast
printf '%s\n' "${COMPREPLY[@]}"
"""


def completes(cli):
    environment = {**cli.environment, "PATH": f"{harness.BIN}:{os.environ['PATH']}"}

    def press_tab(*words):
        done = subprocess.run(["bash", "-c", COMPLETE, "bash", *words], text=True, timeout=60,
                              capture_output=True, env=environment, check=True)
        assert not done.stderr, done.stderr
        return done.stdout.split()

    equal(press_tab("ge"), ["get"])
    assert set(press_tab("")) > {"get", "list", "apply", "transact", "fsck"}, press_tab("")
    equal(sorted(press_tab("list", "su")), ["subnets", "suites"])
    assert "--order-by" in press_tab("list", "suites", "--")
    equal(press_tab("explain", "d"), ["delete"])
    equal(sorted(press_tab("get", "suites/")), ["suites/s", "suites/t", "suites/v"])
    equal(press_tab("explain", "delete", "suites/s/packages/b"), ["suites/s/packages/b+1.0"])
    equal(press_tab("schema", "k"), ["kinds"])
    equal(press_tab("completion", "b"), ["bash"])
    # In an interactive shell, by the shell itself.
    bound = subprocess.run(["bash", "-c", 'eval "$(holdfast completion bash)"; complete -p holdfast'],
                           text=True, capture_output=True, env=environment, check=True).stdout
    assert "-F _holdfast" in bound, bound


def main():
    with harness.temporary_folder() as folder, tempfile.TemporaryDirectory() as files:
        server = harness.Server(folder, {"archive.example.com": harness.ARCHIVE_PROTOS,
                                         "network.example.com": harness.NETWORK_PROTOS},
                                "holdfastd-examples").start()
        cli = Cli(server.grpc)
        kinds(cli)
        create_and_get(cli)
        lists(cli)
        updates(cli)
        dry_runs(cli)
        applies(cli, files)
        transacts(cli)
        graph(cli)
        deletes(cli)
        watches(cli)
        schemas(cli, files)
        fscks(cli)
        exit_codes(cli)
        completes(cli)
        equal(server.stop(), 0)
        cli.fails(6, "UNAVAILABLE", "get", "suites/s")
        print("every command, output and exit code is as it should be")


if __name__ == "__main__":
    main()
