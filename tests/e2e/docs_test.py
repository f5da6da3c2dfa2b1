#!/usr/bin/env python3
"""The documentation is true: what it shows is typed into a shell, and must say what is printed there.

usage: docs_test.py [--update] [FILE...]      (default: every page that DOCUMENTS names)

In a page, a paragraph "Write `path`:" before a code block writes that file, and a block of `console`
is a session: lines with "$ " are typed, with "> " continued, the rest is what must come back. A line
"…" stands for any lines. "From `path`:" quotes that file of the repository; "In the folder of the
[tutorial]" says that a page starts with the tutorial's files. A page that names "libpq's environment
variables" has a PostgreSQL server behind them. Times, uids, etags, tokens and digests may differ; where
one is shown and typed later, the one that really came is typed. Ports 7443 and 7080 stand for free ones.

--update writes what really came into the pages.
"""

import argparse
import contextlib
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import harness
import postgres

TUTORIAL = "docs/tutorial.md"
DOCUMENTS = (TUTORIAL, "docs/how-to/add-a-kind.md", "docs/how-to/add-a-hook.md",
             "docs/how-to/change-a-schema.md", "docs/how-to/back-up-and-restore.md",
             "docs/how-to/watch-from-a-program.md", "docs/how-to/write-an-importer.md",
             "docs/how-to/use-postgresql.md", "docs/how-to/use-the-batch-library.md",
             "docs/reference/config.md", "docs/reference/http.md")
STARTS_WITH_TUTORIAL = "In the folder of the [tutorial]"
NEEDS_POSTGRES = "libpq's environment variables"
PATIENCE = 30  # seconds for one command
ANYTHING = "…"
# What differs from run to run.
CHANGING = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)"  # times
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"  # uids
    r"|(?<![\w-])[\w-]{60,}(?![\w-])"  # tokens
    r"|\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b")  # digests, etags


class Shell:
    """One bash, as a reader has it open: background jobs and variables live from block to block."""

    def __init__(self, folder, ports, variables):
        environment = {**os.environ, **variables, "HOLDFAST_SERVER": f"127.0.0.1:{ports['7443']}",
                       "PATH": f"{harness.BIN}:{postgres.PSQL.parent}:{os.environ['PATH']}",
                       "PS1": "", "LC_ALL": "C.UTF-8",
                       "HOLDFAST_SOURCE": str(harness.SOURCE)}
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.count = 0

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def run(self, command, background_lines):
        """What the command printed. Of one that goes on in the background so many lines."""
        self.count += 1
        marker = f"<end of {self.count}>"
        self.process.stdin.write(f"{command}\n__code=$?; echo; echo '{marker}'; (exit $__code)\n")
        self.process.stdin.flush()
        output, deadline = [], time.monotonic() + PATIENCE
        done = False
        while not done or len([line for line in output if line]) < background_lines:
            try:
                line = self.lines.get(timeout=max(deadline - time.monotonic(), 0.001))
            except queue.Empty:
                raise AssertionError(f"nothing more came from: {command}\n" + "\n".join(output))
            if line == marker:
                done = True
                if output and not output[-1]:
                    output.pop()
            else:
                output.append(line)
        while output and not output[-1]:
            output.pop()
        return output

    def close(self):
        self.process.stdin.write("kill $(jobs -p) 2>/dev/null; wait; exit\n")
        self.process.stdin.close()
        self.process.wait(timeout=PATIENCE)


class Page:
    """A page, run line by line; `result` is the page with what really came."""

    def __init__(self, path, folder, variables):
        self.path = path
        self.folder = folder
        self.result = []
        self.findings = []
        self.known = {}  # what changes: as printed here -> as it came
        self.ports = {"7443": free_port(), "7080": free_port()}
        self.shell = Shell(folder, self.ports, variables)

    def outward(self, text):
        """As a reader types it -> as it is typed here."""
        for shown, real in self.known.items():
            text = text.replace(shown, real)
        for port, free in self.ports.items():
            text = re.sub(rf":{port}\b", f":{free}", text)
        return text

    def inward(self, lines):
        text = "\n".join(lines)
        for port, free in self.ports.items():
            text = text.replace(f":{free}", f":{port}")
        text = text.replace(str(self.folder), "/home/you/inventory")
        return text.split("\n") if text else []

    def run(self):
        lines = self.path.read_text().split("\n")
        if any(STARTS_WITH_TUTORIAL in line for line in lines):
            self.write_files_of((harness.SOURCE / TUTORIAL).read_text().split("\n"))
        at = 0
        while at < len(lines):
            if not lines[at].startswith("```") or lines[at] == "```":
                self.result.append(lines[at])
                at += 1
                continue
            end = lines.index("```", at + 1)
            self.result.append(lines[at])
            self.block(lines[at][3:], lines[at + 1:end], at + 2)
            self.result.append("```")
            at = end + 1
        self.shell.close()

    def write_files_of(self, lines):
        """What the tutorial's reader has by its end, without what was run there."""
        for at, line in enumerate(lines):
            if line.startswith("```") and line != "```":
                self.write_file(paragraph_before(lines[:at]), lines[at + 1:lines.index("```", at)])
            if line.startswith("$ sed "):
                self.shell.run(line[2:], 0)

    def block(self, language, body, line):
        before = paragraph_before(self.result[:-1])
        if language == "console":
            self.session(body, line)
            return
        self.result += body
        self.write_file(before, body)
        quoted = re.search(r"\bFrom `([^`]+)`[^`]*:$", before)
        if quoted and "\n".join(body) not in (harness.SOURCE / quoted[1]).read_text():
            self.findings.append(f"{self.path}:{line}: {quoted[1]} has no such lines")

    def write_file(self, before, body):
        written = re.search(r"\b[Ww]rite `([^`]+)`[^`]*:$", before)
        if written:
            file = self.folder / written[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.outward("\n".join(body) + "\n"))

    def session(self, body, line):
        at = 0
        while at < len(body):
            start, typed = at, [body[at].removeprefix("$ ")]
            at += 1
            while at < len(body) and body[at].startswith("> "):
                typed.append(body[at][2:])
                at += 1
            expected = []
            while at < len(body) and not body[at].startswith("$ "):
                expected.append(body[at])
                at += 1
            self.command("\n".join(typed), expected, line + start, body[start:at - len(expected)])

    def command(self, typed, expected, line, shown):
        in_background = typed.endswith("&")
        wanted = len([text for text in expected if text]) if in_background else 0
        came = self.inward(self.shell.run(self.outward(typed), wanted))
        if matches(expected, came):
            self.learn(expected, came)
            self.result += shown + expected
            return
        self.findings.append(f"{self.path}:{line}: $ {typed}\n" +
                             "\n".join(f"  - {text}" for text in expected) + "\n" +
                             "\n".join(f"  + {text}" for text in came))
        self.result += shown + came

    def learn(self, expected, came):
        shown = CHANGING.findall("\n".join(expected))
        real = CHANGING.findall("\n".join(came))
        if ANYTHING not in expected:
            self.known.update(zip(shown, real))


def paragraph_before(lines):
    """The text before a block, on one line."""
    lines = list(lines)
    while lines and not lines[-1]:
        lines.pop()
    begin = len(lines)
    while begin > 0 and lines[begin - 1]:
        begin -= 1
    return " ".join(lines[begin:])


def plain(line):
    return CHANGING.sub("*", line).rstrip()


def matches(expected, came):
    expected, came = [plain(line) for line in expected], [plain(line) for line in came]
    if ANYTHING not in expected:
        return expected == came
    pattern = "".join("(?:.*\n)*" if line == ANYTHING else re.escape(line) + "\n"
                      for line in expected)
    return re.fullmatch(pattern, "".join(line + "\n" for line in came)) is not None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@contextlib.contextmanager
def server_for(path):
    """The environment variables of a PostgreSQL server, if the page needs one."""
    if NEEDS_POSTGRES not in path.read_text():
        yield {}
        return
    with postgres.Cluster() as cluster:
        yield {"PGHOST": cluster.sockets, "PGPORT": str(cluster.port), "PGUSER": "postgres"}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--update", action="store_true")
    arguments.add_argument("files", nargs="*")
    options = arguments.parse_args()
    findings = []
    for name in options.files or DOCUMENTS:
        path = harness.SOURCE / name
        with harness.temporary_folder() as folder, server_for(path) as variables:
            page = Page(path, pathlib.Path(folder), variables)
            try:
                page.run()
            finally:
                with contextlib.suppress(ProcessLookupError):  # what still runs in it, if anything
                    os.killpg(page.shell.process.pid, signal.SIGKILL)
        findings += page.findings
        if options.update:
            path.write_text("\n".join(page.result))
        print(f"{name}: {page.shell.count} commands, {len(page.findings)} differ")
    print("\n".join(findings))
    sys.exit(1 if findings and not options.update else 0)


if __name__ == "__main__":
    main()
