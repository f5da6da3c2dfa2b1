#!/usr/bin/env python3
"""kill -9 while projects are created and VPCs deleted: all or nothing, and a repeat of a request
gets the answer of the first.

Clients create projects, each with its whole network, and delete VPCs, each request under an id of
its own that is sent until somebody answers. Meanwhile the server is killed at random moments; on
PostgreSQL also the processes behind its connections, and the postmaster. At the end every project
that was answered is there with all that belongs to it, none else is, and fsck finds nothing.

    nexus_kill_test.py --on sqlite|read_committed|serializable [--seconds N] [--seed S]
"""

import argparse
import contextlib
import pathlib
import random
import subprocess
import sys
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402  pylint: disable=wrong-import-position
import postgres  # noqa: E402  pylint: disable=wrong-import-position

ORGANIZATION = "organizations/acme"
# What a VPC comes with, by collection.
PARTS = {"internetGateways": 1, "subnets": 1, "firewallRules": 3, "routers": 1}
MAX_BATCH_OPS, RULES = 40, 120
# An answer that says "try again": not there, or lost against others.
AGAIN = (409, 429, 503)


class Customer(threading.Thread):
    """Creates projects one after another, and deletes every fifth one's VPC, filled with rules before."""

    def __init__(self, server, number, rng):
        super().__init__(daemon=True)
        self.server, self.number, self.rng = server, number, rng
        self.stopped = threading.Event()
        self.created, self.emptied, self.gone = {}, set(), set()
        self.repeats = 0
        self.failure = None

    def send(self, client, method, path, body=None, **query):
        """Until it is answered; None if it is time to stop before that."""
        while not self.stopped.is_set():
            try:
                return client.call(method, path, body, timeout=20, **query)
            except harness.Gone:
                time.sleep(0.02)
            except harness.ApiError as error:
                if error.status not in AGAIN:
                    raise
                time.sleep(0.02)
        return None

    def create(self, client, project):
        query = {"projectId": project, "requestId": str(uuid.uuid4())}
        path = f"/v1/{ORGANIZATION}/projects"
        answer = self.send(client, "POST", path, {"displayName": project}, **query)
        if answer is None:
            return
        self.created[project] = answer
        if self.rng.random() < 0.3:
            again = self.send(client, "POST", path, {"displayName": project}, **query)
            assert again is None or again == answer, f"a repeat got another answer: {again}"
            self.repeats += again is not None

    def fill(self, client, vpc):
        """With more rules than are deleted in one batch."""
        for begin in range(0, RULES, MAX_BATCH_OPS):
            operations = [{"createFirewallRule": {"parent": vpc, "firewallRuleId": f"r{i}",
                                                  "firewallRule": {"action": "DENY"}}}
                          for i in range(begin, begin + MAX_BATCH_OPS)]
            self.send(client, "POST", "/v1/network.example.com:transact",
                      {"operations": operations, "requestId": str(uuid.uuid4())})

    def empty(self, client, project):
        name = f"{ORGANIZATION}/projects/{project}/vpcs/default"
        vpc = f"/v1/{name}"
        self.fill(client, name)
        self.emptied.add(project)
        try:
            done = self.send(client, "DELETE", vpc, requestId=str(uuid.uuid4()))
        except harness.ApiError as error:
            # Killed once it was decided: the repeat finds it gone.
            assert error.status == 404, error
            done = {}
        if done is not None:
            self.gone.add(project)

    def run(self):
        client = self.server.client()
        try:
            for i in range(1_000_000):
                if self.stopped.is_set():
                    return
                project = f"c{self.number}-{i}"
                self.create(client, project)
                if i % 5 == 4 and project in self.created:
                    self.empty(client, project)
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error


def kill_something(server, cluster, rng):
    """The server, a backend or the postmaster; returns which."""
    what = rng.choice(["server"] if cluster is None else ["server", "backend", "postmaster"])
    if what == "server":
        server.kill()
        harness.eventually_start(server)
    elif what == "backend":
        pids = cluster.backends()
        if pids:
            # The postmaster takes a killed backend for corruption: it starts anew, and is gone for
            # a moment.
            postgres.kill_process(rng.choice(pids))
            cluster.sql("SELECT 1", patience=30)
    else:
        cluster.stop()
        cluster.start()
    return what


def check_project(client, project, emptied, gone):
    vpcs = client.get(f"/v1/{ORGANIZATION}/projects/{project}/vpcs").get("vpcs", [])
    if project in emptied:
        return not vpcs or project not in gone
    parent = f"/v1/{ORGANIZATION}/projects/{project}/vpcs/default"
    counts = {part: len(client.get(f"{parent}/{part}").get(part, [])) for part in PARTS}
    routes = client.get(f"{parent}/routers/system/routes").get("routes", [])
    return len(vpcs) == 1 and counts == PARTS and len(routes) == 2


def check(server, customers):
    client = server.client()
    listed = {project["name"].rsplit("/", 1)[1]
              for project in client.list_all(f"/v1/{ORGANIZATION}/projects", "projects")}
    answered, emptied, gone, started = set(), set(), set(), 0
    for customer in customers:
        assert customer.failure is None, customer.failure
        answered |= customer.created.keys()
        emptied |= customer.emptied
        gone |= customer.gone
        started += 1
    assert answered <= listed, f"acknowledged, and lost: {answered - listed}"
    # Each customer may have been stopped before the answer to its last one.
    assert len(listed - answered) <= started, f"from nowhere: {listed - answered}"
    for project in listed:
        assert check_project(client, project, emptied, gone), f"{project} is half done"
    return len(listed), len(gone)


def settle(server):
    """Until fsck finds nothing: deletions that were decided go on in the background."""
    deadline = time.monotonic() + 60
    while True:
        done = subprocess.run([harness.BIN / "holdfast", "--server", server.grpc, "fsck"],
                              check=False, capture_output=True, text=True)
        if done.returncode == 0:
            return
        assert time.monotonic() < deadline, done.stdout + done.stderr
        time.sleep(0.2)


def run(server, cluster, seconds, rng):
    server.start()
    server.client().call("POST", "/v1/organizations", {}, organizationId="acme")
    customers = [Customer(server, n, random.Random(rng.random())) for n in range(4)]
    for customer in customers:
        customer.start()
    killed = {}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(rng.uniform(0.05, 0.6))
        what = kill_something(server, cluster, rng)
        killed[what] = killed.get(what, 0) + 1
    time.sleep(0.5)  # somebody shall be answered behind the last kill
    for customer in customers:
        customer.stopped.set()
    for customer in customers:
        customer.join()
    projects, emptied = check(server, customers)
    settle(server)
    repeats = sum(customer.repeats for customer in customers)
    assert projects and repeats, "nothing was done: this test can't fail"
    print(f"{projects} projects, {emptied} VPCs deleted, {repeats} repeats, killed {killed}")
    server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--on", choices=["sqlite", "read_committed", "serializable"],
                        default="sqlite")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().getrandbits(32)
    print(f"{arguments.on}, seed {seed}")
    services = {"network.example.com": harness.NETWORK_PROTOS}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(harness.temporary_folder())
        cluster = None
        options = {}
        if arguments.on != "sqlite":
            cluster = stack.enter_context(postgres.Cluster())
            options = {"dsn": cluster.create_database(), "isolation": arguments.on}
        server = harness.Server(folder, services, "holdfastd-examples",
                                settings=["limits:", f"  max_batch_ops: {MAX_BATCH_OPS}"], **options)
        run(server, cluster, arguments.seconds, random.Random(seed))
    harness.record(f"all_or_nothing_after_kills_on_{arguments.on}", "T5", "T7", "T9")


if __name__ == "__main__":
    main()
