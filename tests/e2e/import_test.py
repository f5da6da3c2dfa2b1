#!/usr/bin/env python3
"""The main job by its figures: the whole archive is imported, counted by a program that shares
nothing with the importer, and imported again, which must write nothing.

Times are printed, and only grossly wrong ones fail: what a busy machine does to them says nothing.
"""

import json
import pathlib
import subprocess

import harness

SUITE = "bookworm"


def run_import(server, packages):
    done = subprocess.run([harness.BIN / "archive-import", "--server", server.grpc, "--packages",
                           packages, "--suite", SUITE], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True, text=True)
    return json.loads(done.stdout)


def mend_what_others_changed(server, client, packages):
    names = [f"suites/{SUITE}/packages/{package}" for package in ("bash", "libc6")]
    before = [client.get(f"/v1/{name}") for name in names]
    client.call("PATCH", f"/v1/{names[0]}", {"section": "elsewhere"})
    client.call("PATCH", f"/v1/{names[1]}", {"depends": []}, updateMask="depends")
    mended = run_import(server, packages)
    assert (mended["created"], mended["updated"], mended["requests"]) == (0, 2, 1), mended
    for name, was in zip(names, before):
        now = client.get(f"/v1/{name}")
        del was["metadata"], now["metadata"]
        assert now == was, (now, was)


def main():
    with harness.temporary_folder() as folder:
        packages = pathlib.Path(folder) / "Packages"
        packages.write_bytes(harness.apt_packages_list())
        with open(packages, "rb") as text:
            facts = json.loads(subprocess.run(
                [harness.SOURCE / "examples/archive/facts.pl"], stdin=text, check=True,
                stdout=subprocess.PIPE).stdout)
        server = harness.Server(folder, {"archive.example.com": harness.ARCHIVE_PROTOS}).start()
        first = run_import(server, packages)
        for number in ("packages", "sources", "references", "recommends"):
            assert first[number] == facts[number], (number, first, facts)
        log_mb = (pathlib.Path(folder) / "archive.example.com.db-wal").stat().st_size / 2**20
        assert log_mb < 256, f"the log grew to {log_mb:.0f} MB: nobody begins it anew"
        rss = server.rss_mb()
        # Shadow memory, red zones and what was freed: a sanitized program's size says nothing.
        assert rss < 300 or harness.sanitizers(), f"the server has {rss:.0f} MB"

        client = server.client()
        referrers = client.list_all(f"/v1/suites/{SUITE}/packages/libc6:referrers", "referrers")
        depends = [r for r in referrers if r["onDelete"] == "BLOCK"]
        assert len(depends) == facts["libc6_referrers"], (len(depends), facts)

        before = client.get("/v1/suites", pageSize=1)["revision"]
        second = run_import(server, packages)
        after = client.get("/v1/suites", pageSize=1)["revision"]
        assert before == after, f"an import without changes moved the revision to {after}"
        assert second["requests"] == 0, second

        # What somebody else has changed is found and mended, and nothing but that.
        mend_what_others_changed(server, client, packages)
        server.stop()
        print(f"{first['packages']} packages, {first['references']} references in "
              f"{first['seconds']:.1f} s, again in {second['seconds']:.1f} s, "
              f"{rss:.0f} MB, log {log_mb:.0f} MB")
        harness.record("the_archive_is_imported_exactly", "T1", "R37", "B8")


if __name__ == "__main__":
    main()
