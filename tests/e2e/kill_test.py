#!/usr/bin/env python3
"""kill -9 in the middle of an import: nothing is lost, nothing is half done.

The archive is imported while the server is killed at random moments and started again. Beside it a
writer makes groups of suites, each group in one Transact, and a reader on another connection looks
all the time whether it sees a group in part. At the end the graph must be what the list says, and
fsck must find nothing.

First the same is tried on a server with a bug planted in it, which commits batches in two halves:
there the reader must see a group in part, or it couldn't see one anywhere.

    kill_test.py [--kills N] [--seed S]
"""

import argparse
import json
import pathlib
import random
import subprocess
import threading
import time
import uuid

import harness

GROUP = 20
# Whoever sees one of these may send the same again.
RETRYABLE = {"DATABASE_UNAVAILABLE", "COMMIT_UNKNOWN", "SHUTTING_DOWN", "CONFLICT", "OVERLOADED"}


class GroupWriter(threading.Thread):
    """Creates groups of GROUP suites, and deletes them again, each in one Transact."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.stopped = threading.Event()
        self.acknowledged = set()
        self.deleted = set()

    def transact(self, operations):
        """Until it is done; the request_id makes a repeat harmless."""
        body = {"operations": operations, "requestId": str(uuid.uuid4())}
        while not self.stopped.is_set():
            try:
                self.server.client().call("POST", "/v1/archive.example.com:transact", body)
                return True
            except harness.Gone:
                time.sleep(0.02)
            except harness.ApiError as error:
                if error.reason not in RETRYABLE:
                    raise
                time.sleep(0.02)
        return False

    def run(self):
        group = 0
        while not self.stopped.is_set():
            names = [f"group-{group}-{i}" for i in range(GROUP)]
            made = self.transact([
                {"createSuite": {"suiteId": name, "suite": {"component": "main"}}}
                for name in names])
            if made:
                self.acknowledged.add(group)
            if group % 3 == 2 and made:
                gone = self.transact(
                    [{"deleteSuite": {"name": f"suites/{name}"}} for name in names])
                if gone:
                    self.deleted.add(group)
            group += 1
            time.sleep(0.005)


class GroupReader(threading.Thread):
    """Lists all suites in one snapshot, again and again, and counts the members of each group."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.stopped = threading.Event()
        self.looks = 0
        self.torn = []

    @staticmethod
    def count_groups(suites):
        counts = {}
        for suite in suites:
            name = suite["name"]
            if name.startswith("suites/group-"):
                group = int(name.split("-")[1])
                counts[group] = counts.get(group, 0) + 1
        return counts

    def run(self):
        client, address = None, None
        while not self.stopped.is_set():
            if address != self.server.http:
                address = self.server.http
                client = harness.Client(address)
            try:
                # A page is one snapshot; the newest groups sort anywhere, so all of one page count.
                page = client.get("/v1/suites", pageSize=1000,
                                  filter='name = "suites/group-*"', orderBy="metadata.create_time desc")
            except (harness.Gone, harness.ApiError):
                time.sleep(0.01)
                continue
            self.looks += 1
            counts = self.count_groups(page.get("suites", []))
            if page.get("nextPageToken"):
                last = min(counts)  # the page may end in the middle of the oldest group
                counts.pop(last, None)
            self.torn += [(g, n) for g, n in counts.items() if n != GROUP]


def run_import(server, packages, log, suite):
    """Goes on after the server is back: every batch has its request_id."""
    return subprocess.Popen(
        [harness.BIN / "archive-import", "--server", server.grpc, "--packages", packages,
         "--suite", suite, "--batch", "100", "--patience", "60"],
        stdout=subprocess.PIPE, stderr=log, text=True)


def restart(server):
    server.kill()
    harness.eventually_start(server)


def kill_while_importing(server, packages, strikes, rng, log):
    """Calls each of `strikes` at a random moment of an import; the next suite's import if one is
    done before. Returns the suites and the importer that is still at the last of them."""
    suites = ["kill-0"]
    importer = run_import(server, packages, log, suites[-1])
    for strike in strikes:
        try:
            code = importer.wait(timeout=rng.uniform(0.05, 0.5))
            importer.stdout.close()
            # Batches are sent again; an importer that was still looking what is there gives up.
            if code == 0:
                suites.append(f"kill-{len(suites)}")
            importer = run_import(server, packages, log, suites[-1])
            time.sleep(rng.uniform(0.5, 1))
        except subprocess.TimeoutExpired:
            pass
        strike()
    return suites, importer


def check_graph(server, packages, suite, facts, log):
    """The facts that the server gives must be those of the list."""
    again = run_import(server, packages, log, suite)
    out, _ = again.communicate(timeout=300)
    result = json.loads(out.strip().splitlines()[-1])
    assert result["created"] == 0 and result["updated"] == 0, f"something was missing: {result}"
    client = server.client()
    listed = client.list_all(f"/v1/suites/{suite}/packages", "packages", readMask="name,depends")
    assert len(listed) == facts["packages"], (len(listed), facts)
    references = sum(len(p.get("depends", [])) for p in listed)
    assert references == facts["references"], (references, facts)
    referrers = client.get(f"/v1/suites/{suite}/packages/libc6:referrers", pageSize=1)
    by_depends = sum(1 for p in listed if f"suites/{suite}/packages/libc6" in p.get("depends", []))
    assert by_depends == facts["libc6_referrers"], (by_depends, facts)
    assert int(referrers["totalSize"]) >= by_depends, referrers


def check_groups(server, writer):
    suites = server.client().list_all("/v1/suites", "suites")
    counts = GroupReader.count_groups(suites)
    for group in writer.acknowledged - writer.deleted:
        assert counts.get(group) == GROUP, f"acknowledged group {group}: {counts.get(group)}"
    for group in writer.deleted:
        assert group not in counts, f"deleted group {group} is back: {counts[group]}"


def fsck(server):
    subprocess.run([harness.BIN / "holdfast", "--server", server.grpc, "fsck"], check=True,
                   stdout=subprocess.DEVNULL)


def check_strikes(server, packages, strikes, rng, folder):
    """The whole of it, on a server that runs; it still runs afterwards."""
    facts = harness.archive_facts(packages)
    writer, reader = GroupWriter(server), GroupReader(server)
    writer.start()
    reader.start()
    with open(pathlib.Path(folder) / "import.log", "w", encoding="utf-8") as log:
        suites, importer = kill_while_importing(server, packages, strikes, rng, log)
        importer.communicate(timeout=300)
        if importer.returncode != 0:
            importer = run_import(server, packages, log, suites[-1])
            importer.communicate(timeout=300)
        assert importer.returncode == 0, "the last import failed"
        for thread in (writer, reader):
            assert thread.is_alive(), "the writer or the reader met an error that isn't retryable"
            thread.stopped.set()
            thread.join()
        assert reader.looks > 0, "the reader never got an answer"
        assert not reader.torn, f"half a batch was visible: {reader.torn[:5]}"
        check_groups(server, writer)
        for suite in suites:
            check_graph(server, packages, suite, facts, log)
    fsck(server)
    return suites, reader, writer


def prove_that_the_reader_can_see():
    """On the server with the planted bug, without a single kill."""
    with harness.temporary_folder() as folder:
        server = harness.Server(folder, {"archive.example.com": harness.ARCHIVE_PROTOS},
                                "holdfastd-half-batch").start()
        writer, reader = GroupWriter(server), GroupReader(server)
        writer.start()
        reader.start()
        deadline = time.monotonic() + 60
        while not reader.torn and time.monotonic() < deadline:
            time.sleep(0.05)
        for thread in (writer, reader):
            thread.stopped.set()
            thread.join()
        server.kill()
        assert reader.torn, "the planted bug was not seen: this test can't fail"
        print(f"the planted bug was seen after {reader.looks} looks")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    prove_that_the_reader_can_see()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    with harness.temporary_folder() as folder:
        packages = pathlib.Path(folder) / "Packages"
        packages.write_bytes(harness.apt_packages_list())
        server = harness.Server(folder, {"archive.example.com": harness.ARCHIVE_PROTOS}).start()
        strikes = [lambda: restart(server)] * arguments.kills
        suites, reader, writer = check_strikes(server, packages, strikes, rng, folder)
        server.stop()
        print(f"{arguments.kills} kills in {len(suites)} imports, {reader.looks} looks, "
              f"{len(writer.acknowledged)} groups, none torn")
        harness.record("nothing_is_half_done_after_kill", "T9", "T1")


if __name__ == "__main__":
    main()
