#!/usr/bin/env python3
"""holdfastd on PostgreSQL: waits for its server, imports the archive exactly, and has nothing half
done whoever is killed: holdfastd, a backend of PostgreSQL, or all of PostgreSQL.

    postgres_test.py [--strikes N] [--seed S]
"""

import argparse
import pathlib
import random
import re
import time

import harness
import import_test
import kill_test
import postgres

ARCHIVE = {"archive.example.com": harness.ARCHIVE_PROTOS}
SECRET = "never-shown"
KILLED_SHARE = 10  # every so many-th package is imported under kills


def start_without_server(cluster):
    """It says what is wrong, doesn't tell the password, and ends with what to do."""
    dsn = cluster.tcp_dsn() + f" password={SECRET}"
    with harness.temporary_folder() as folder:
        server = harness.Server(folder, ARCHIVE, dsn=dsn, settings=["start_timeout: 1s"])
        try:
            server.start()
        except RuntimeError:
            assert server.process.wait() == 1
        else:
            raise AssertionError("it serves without a database")
        log = server.log_tail()
        for wanted in ("trying again", str(cluster.port), "archive.example.com", "start_timeout"):
            assert wanted in log, (wanted, log)
        assert SECRET not in log, log


def start_before_server(cluster):
    """It is there as soon as its database is."""
    with harness.temporary_folder() as folder:
        services = {**ARCHIVE, "network.example.com": harness.NETWORK_PROTOS}
        server = harness.Server(folder, services, dsn=cluster.dsn())
        server.launch()
        while "trying again" not in server.log_tail():
            time.sleep(0.05)
        cluster.start()
        server.wait_ready()
        assert server.client().get("/v1/suites") is not None
        assert server.client().get("/v1/organizations") is not None
        schemas = cluster.sql("SELECT nspname FROM pg_namespace WHERE nspname ~ 'local'").split()
        assert set(schemas) == {"archive_example_com_local", "network_example_com_local"}, schemas
        assert server.stop() == 0


def import_archive(cluster, packages):
    with harness.temporary_folder() as folder:
        server = harness.Server(folder, ARCHIVE, dsn=cluster.create_database()).start()
        facts = harness.archive_facts(packages)
        first = import_test.run_import(server, packages)
        for number in ("packages", "sources", "references", "recommends"):
            assert first[number] == facts[number], (number, first, facts)
        second = import_test.run_import(server, packages)
        assert second["requests"] == 0, second
        metrics = server.client().get("/metrics")["raw"]
        attempts = int(re.search(r"holdfast_postgres_attempts{.*?} (\d+)", metrics)[1])
        assert attempts >= first["requests"], (attempts, first)
        rss = server.rss_mb()
        assert server.stop() == 0
        print(f"{first['packages']} packages, {first['references']} references in "
              f"{first['seconds']:.1f} s on PostgreSQL, again in {second['seconds']:.1f} s, "
              f"{rss:.0f} MB")


def some_packages(packages):
    """What the shorter list lacks is no dependency in it."""
    short = packages.with_name("Packages-short")
    paragraphs = packages.read_text(encoding="utf-8").split("\n\n")
    chosen = [text for i, text in enumerate(paragraphs)
              if i % KILLED_SHARE == 0 or text.startswith("Package: libc6\n")]
    short.write_text("\n\n".join(chosen) + "\n\n", encoding="utf-8")
    return short


def strike_everywhere(cluster, packages, strikes, seed):
    print(f"seed {seed}")
    rng = random.Random(seed)
    with harness.temporary_folder() as folder:
        server = harness.Server(folder, ARCHIVE, dsn=cluster.create_database()).start()

        def kill_backend():
            # PostgreSQL ends all its other backends, too, and begins anew from its log.
            backends = cluster.backends()
            if backends:
                postgres.kill_process(rng.choice(backends))

        def kill_postmaster():
            cluster.stop("KILL")
            cluster.start()

        kinds = [lambda: kill_test.restart(server), kill_backend, kill_postmaster]
        chosen = [kinds[i % len(kinds)] for i in range(strikes)]
        rng.shuffle(chosen)
        suites, reader, writer = kill_test.check_strikes(server, packages, chosen, rng, folder)
        # The reader's eyes: a group that isn't whole.
        group = max(writer.acknowledged - writer.deleted)
        server.client().call("DELETE", f"/v1/suites/group-{group}-0")
        blind = kill_test.GroupReader(server)
        blind.start()
        while not blind.looks:
            time.sleep(0.01)
        blind.stopped.set()
        blind.join()
        assert blind.torn, "a torn group isn't seen: this test can't fail"
        assert server.stop() == 0
        print(f"{strikes} strikes in {len(suites)} imports, {reader.looks} looks, "
              f"{len(writer.acknowledged)} groups, none torn")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--strikes", type=int, default=9)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    arguments = parser.parse_args()
    with postgres.Cluster() as cluster, harness.temporary_folder() as folder:
        cluster.stop("INT")
        start_without_server(cluster)
        start_before_server(cluster)
        packages = pathlib.Path(folder) / "Packages"
        packages.write_bytes(harness.apt_packages_list())
        import_archive(cluster, packages)
        harness.record("the_archive_is_imported_exactly_on_postgres", "R37")
        strike_everywhere(cluster, some_packages(packages), arguments.strikes, arguments.seed)
        harness.record("nothing_is_half_done_on_postgres_after_kill", "T9", "T1")


if __name__ == "__main__":
    main()
