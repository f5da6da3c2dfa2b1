#!/usr/bin/env python3
"""A watcher of all packages during an import, killed and resumed 20 times.

Its view must never go back, miss nothing (deletions included), and at the end be what a fresh list
says.
"""

import pathlib
import random
import subprocess
import threading

import harness

RESUMES = 20
SUITE = "watched"


class View:
    """What one watcher knows, kept over its interruptions. `field` is the kind's, in a change."""

    def __init__(self, field="package"):
        self.field = field
        self.versions = {}  # name -> (uid, resource_version)
        self.token = ""
        self.phase = "SNAPSHOT"
        self.events = 0
        self.resets = 0
        self.bookmark = 0

    def apply(self, message):
        if message.get("phase") == "RESET":
            self.versions, self.resets = {}, self.resets + 1
        for change in message.get("changes", []):
            self.events += 1
            name = change["name"]
            if change["type"] == "REMOVED":
                self.versions.pop(name, None)
                continue
            meta = change[self.field]["metadata"]
            uid, version = meta["uid"], int(meta["resourceVersion"])
            before = self.versions.get(name)
            assert before is None or before[0] != uid or before[1] <= version, (
                f"{name} went back from {before[1]} to {version}")
            self.versions[name] = (uid, version)
        if message.get("resumeToken"):
            self.token = message["resumeToken"]
        self.phase = message.get("phase", self.phase)
        if message.get("bookmark"):
            revision = int(message.get("revision", 0))
            assert revision >= self.bookmark, f"bookmark {revision} after {self.bookmark}"
            self.bookmark = revision


def watch_some(server, view, messages):
    """Follows for a number of messages, then drops the connection as a killed watcher would."""
    query = {"resumeToken": view.token} if view.token else {}
    for message in server.client().stream(f"/v1/suites/{SUITE}/packages:watch", **query):
        view.apply(message.get("result", message))
        messages -= 1
        if messages <= 0:
            return


def watch_until(server, view, revision):
    """Follows until a bookmark at or behind `revision`."""
    query = {"resumeToken": view.token} if view.token else {}
    for message in server.client().stream(f"/v1/suites/{SUITE}/packages:watch", **query):
        view.apply(message.get("result", message))
        if view.phase in ("CURRENT", "CHANGES") and view.bookmark >= revision:
            return


def delete_leaves(server, count):
    """Deletes packages that nothing refers to, so that the watcher has deletions to miss."""
    client = server.client()
    deleted = []
    for package in client.list_all(f"/v1/suites/{SUITE}/packages", "packages", readMask="name"):
        if len(deleted) == count:
            break
        try:
            client.call("DELETE", "/v1/" + package["name"])
            deleted.append(package["name"])
        except harness.ApiError:
            pass  # something depends on it
    return deleted


def main():
    rng = random.Random(7)
    with harness.temporary_folder() as folder:
        packages = pathlib.Path(folder) / "Packages"
        packages.write_bytes(harness.apt_packages_list())
        server = harness.Server(folder, {"archive.example.com": harness.ARCHIVE_PROTOS}).start()
        server.client().call("POST", "/v1/suites", {"component": "main", "architecture": "amd64"},
                             suiteId=SUITE)
        importer = subprocess.Popen(
            [harness.BIN / "archive-import", "--server", server.grpc, "--packages", packages,
             "--suite", SUITE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        view = View()
        deleted = []
        deleter = threading.Thread(
            target=lambda: (importer.wait(), deleted.extend(delete_leaves(server, 100))))
        deleter.start()
        for _ in range(RESUMES):
            watch_some(server, view, rng.randint(1, 15))
        deleter.join()
        assert importer.returncode == 0 and len(deleted) == 100
        page = server.client().get(f"/v1/suites/{SUITE}/packages", pageSize=1)
        watch_until(server, view, int(page["revision"]))

        listed = {p["name"]: (p["metadata"]["uid"], int(p["metadata"]["resourceVersion"]))
                  for p in server.client().list_all(f"/v1/suites/{SUITE}/packages", "packages",
                                                    readMask="name,metadata")}
        missing = sorted(set(listed) - set(view.versions))[:5]
        extra = sorted(set(view.versions) - set(listed))[:5]
        assert view.versions == listed, f"missing {missing}, not removed {extra}"
        assert not set(deleted) & set(view.versions)
        # The same over a restart of the server: the token still stands.
        server.kill()
        server.start()
        watch_until(server, view, int(page["revision"]))
        assert view.versions == listed and view.resets == 0, view.resets
        server.stop()
        print(f"{view.events} events over {RESUMES} resumes, {len(listed)} packages, "
              f"{len(deleted)} deletions seen")
        harness.record("a_resumed_watch_misses_nothing", "S27", "B3")


if __name__ == "__main__":
    main()
