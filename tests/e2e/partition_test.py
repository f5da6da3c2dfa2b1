#!/usr/bin/env python3
"""Two holdfastd on one PostgreSQL database, each on a machine of its own, over a network that fails:
cut off from the database, answers that don't come back, slow; then kill -9 of a holdfastd and of all
of PostgreSQL.

Clients on a fourth machine create, update, delete and transact through one node, through the other,
or through whichever answers. Every request has a request_id and is repeated until its outcome is
known; of those that were refused, by a guard or because the database wasn't there, nothing may be
left. A watcher follows through the node that has the most trouble. At the end every acknowledged
write must be there exactly once, no refused one, both nodes and the watcher must say the same, and
fsck must find nothing.

Then each of these is made wrong by our own hand: the check must see it, or it proves nothing.

    partition_test.py [--seed S]
"""

import argparse
import collections
import random
import re
import subprocess
import threading
import time

import failover_test
import harness
import kill_test
import namespaces
import postgres
import watch_test

NETWORK = {"network.example.com": harness.NETWORK_PROTOS}
ORGANIZATIONS = "/v1/organizations"
ROUTES = "/v1/organizations/-/projects/-/vpcs/-/routers/-/routes"
TRANSACT = "/v1/network.example.com:transact"
# What leaves the outcome open, or says that nothing has happened yet.
PASSING = kill_test.RETRYABLE | {"DEADLINE_EXCEEDED"}
NOT_WRITTEN = {"DATABASE_UNAVAILABLE"}
NO_ANSWER = "no answer"  # beside the reasons of errors
UNAVAILABLE = 6  # holdfast's exit code for what may be repeated
DEADLINE = 2   # seconds for a call; a JSON client looks at the clock itself, as those of gRPC do
LATE = 3       # seconds more that a busy machine may take
PATIENT = 20   # seconds until whoever waits is told that the database doesn't answer
PAUSE = 0.03   # seconds between two requests of a client
SILENCE = 12   # seconds after which a watcher thinks that its connection is gone
CUT = 5        # seconds
LONG_CUT = 17  # longer than the driver waits for an answer (PostgresOptions::commit_timeout)
DELAY_MS, JITTER_MS = 50, 10
PROBES = 12  # fewer than a node has sessions
TABLE = "network_example_com_local.resource"

Failed = collections.namedtuple("Failed", "when node reason seconds")
Done = collections.namedtuple("Done", "when node seconds")


class Refused(Exception):
    """Nothing has happened, and nothing will."""


class Writer(threading.Thread):
    """Changes resources of its own. It stays with one of `nodes` for as long as that answers."""

    def __init__(self, me, machine, nodes, seed):
        super().__init__(daemon=True)
        self.me = me
        self.clients = [harness.Client(node.http, machine) for node in nodes]
        self.at = 0
        self.rng = random.Random(f"{seed} {me}")
        self.stopped = threading.Event()
        self.problem = None
        self.made = 0          # requests acknowledged; the next one's number
        self.there = {}        # name -> uid, of organizations
        self.gone = set()
        self.refused = set()
        self.transacted = set()
        self.updates = 0
        self.failures = []
        self.successes = []

    def attempt(self, method, path, body, query):
        """One call; None if it failed in passing, and `failures` says how."""
        client = self.clients[self.at]
        begin = time.monotonic()
        try:
            answer = client.call(method, path, body, timeout=DEADLINE, deadline=DEADLINE, **query)
            self.successes.append(Done(begin, client.address, time.monotonic() - begin))
            return answer
        except harness.Gone:
            reason = NO_ANSWER
        except harness.ApiError as error:
            if error.reason not in PASSING:
                raise
            reason = error.reason
        self.failures.append(Failed(begin, client.address, reason, time.monotonic() - begin))
        return None

    def request(self, method, path, body, **query):
        """The answer, of whichever attempt. Refused if that is certain, and we don't insist."""
        attempts = 0
        while (answer := self.attempt(method, path, body, query)) is None:
            attempts += 1
            not_written = all(f.reason in NOT_WRITTEN for f in self.failures[-attempts:])
            if not_written and self.rng.random() < 0.2:
                raise Refused()
            self.at = (self.at + 1) % len(self.clients)
            time.sleep(PAUSE)
        self.made += 1
        return answer

    def request_id(self):
        return f"{self.me}-{self.made}-{self.rng.getrandbits(32)}"

    def create(self):
        name = f"{self.me}-{self.made}-{self.rng.getrandbits(16)}"
        try:
            made = self.request("POST", ORGANIZATIONS, {"displayName": "0"}, organizationId=name,
                                requestId=self.request_id())
            self.there[f"organizations/{name}"] = made["metadata"]["uid"]
        except Refused:
            self.refused.add(f"organizations/{name}")

    def delete(self):
        candidates = sorted(self.there.keys() - self.transacted - {self.counter()})
        if not candidates:
            return
        name = self.rng.choice(candidates)
        try:
            self.request("DELETE", f"/v1/{name}", None, requestId=self.request_id())
            self.gone.add(name)
            del self.there[name]
        except Refused:
            pass  # it stays, and check() looks for it

    def counter(self):
        return f"organizations/counter-{self.me}"

    def update(self):
        try:
            self.request("PATCH", f"/v1/{self.counter()}", {"displayName": str(self.updates + 1)},
                         updateMask="display_name", requestId=self.request_id())
            self.updates += 1
        except Refused:
            pass  # the next one will be of this number

    def transact(self):
        """A router with a route and all that is above; now and then to a gateway that isn't there."""
        name = f"organizations/{self.me}-t{self.made}-{self.rng.getrandbits(16)}"
        gateway = self.rng.choice(["gateway", "gateway", "missing"])
        body = {"operations": route_with_all_above(name, gateway), "requestId": self.request_id()}
        try:
            made = self.request("POST", TRANSACT, body)
            assert gateway != "missing", f"{name} refers to a missing gateway"
            self.there[name] = made["results"][0]["organization"]["metadata"]["uid"]
            self.transacted.add(name)
        except Refused:
            self.refused.add(name)
        except harness.ApiError as error:
            if gateway != "missing" or error.reason != "REFERENCE_NOT_FOUND":
                raise
            self.refused.add(name)

    def run(self):
        try:
            made = self.request("POST", ORGANIZATIONS, {}, organizationId=f"counter-{self.me}",
                                requestId=self.request_id())
            self.there[self.counter()] = made["metadata"]["uid"]
            kinds = [self.create, self.create, self.update, self.transact, self.delete]
            while not self.stopped.is_set():
                self.rng.choice(kinds)()
                time.sleep(PAUSE)
        except Exception as error:  # told by check()
            self.problem = f"writer {self.me}: {error!r}"


def route_with_all_above(organization, gateway):
    project = f"{organization}/projects/p"
    vpc = f"{project}/vpcs/v"
    router = f"{vpc}/routers/r"
    route = {"destination": "0.0.0.0/0", "gateway": f"{vpc}/internetGateways/{gateway}"}
    return [
        {"createOrganization": {"organizationId": organization.split("/")[1], "organization": {}}},
        {"createProject": {"parent": organization, "projectId": "p", "project": {}}},
        {"createVpc": {"parent": project, "vpcId": "v", "vpc": {}}},
        {"createInternetGateway": {"parent": vpc, "internetGatewayId": "gateway",
                                   "internetGateway": {}}},
        {"createRouter": {"parent": vpc, "routerId": "r", "router": {}}},
        {"createRoute": {"parent": router, "routeId": "out", "route": route}},
    ]


class Watcher(threading.Thread):
    """Follows all organizations through one node, and resumes when that ends."""

    def __init__(self, machine, node):
        super().__init__(daemon=True)
        self.client = harness.Client(node.http, machine)
        self.view = watch_test.View("organization")
        self.resumed = 0
        self.dropped = threading.Event()
        self.stopped = threading.Event()
        self.problem = None

    def follow(self):
        query = {"resumeToken": self.view.token} if self.view.token else {}
        for line in self.client.stream(f"{ORGANIZATIONS}:watch", silence=SILENCE, **query):
            if "error" in line:
                raise harness.ApiError(0, line)
            self.view.apply(line["result"])
            if self.stopped.is_set() or self.dropped.is_set():
                return

    def run(self):
        while not self.stopped.is_set() and not self.problem:
            self.dropped.clear()
            try:
                self.follow()
            except harness.Gone:
                pass
            except harness.ApiError as error:
                if error.reason not in PASSING:
                    self.problem = f"the watcher: {error}"
            except Exception as error:  # told by check()
                self.problem = f"the watcher: {error!r}"
            self.resumed += not self.stopped.is_set()
            time.sleep(PAUSE)

    def reaches(self, revision, patience=20):
        """Waits until the view is of that revision, or a newer one."""
        deadline = time.monotonic() + patience
        while self.view.bookmark < revision and time.monotonic() < deadline and not self.problem:
            time.sleep(0.05)
        return self.view.bookmark >= revision


class Call(threading.Thread):
    """One call, from now on."""

    def __init__(self, client, timeout, method, path, body=None, **query):
        super().__init__(daemon=True)
        self.client, self.timeout = client, timeout
        self.arguments, self.query = (method, path, body), query
        self.answer = None
        self.reason = None  # why there is no answer
        self.seconds = None
        self.start()

    def run(self):
        begin = time.monotonic()
        try:
            self.answer = self.client.call(*self.arguments, timeout=self.timeout, **self.query)
        except harness.ApiError as error:
            self.reason = error.reason
        except harness.Gone:
            self.reason = NO_ANSWER
        self.seconds = time.monotonic() - begin


class Probe(Call):
    """A creation, or the only update of organizations/updated-N. Half of them wait to the end."""

    def __init__(self, client, number):
        name = f"probe-{number}"
        self.update = number % 3 == 0
        self.resource = f"organizations/{'updated-' if self.update else ''}{name}"
        timeout = DEADLINE if number % 2 else 2 * PATIENT
        if self.update:
            super().__init__(client, timeout, "PATCH", f"/v1/{self.resource}", {"displayName": name},
                             updateMask="display_name", requestId=name)
        else:
            super().__init__(client, timeout, "POST", ORGANIZATIONS, {"displayName": name},
                             organizationId=name, requestId=name)

    @property
    def generation(self):
        """Behind it."""
        return "2" if self.update else "1"


class World:
    """The machines and what runs on them."""

    def __init__(self, lab, cluster, folder, seed):
        self.lab = lab
        self.database, machine1, machine2, self.outside = lab
        self.cluster = cluster
        self.rng = random.Random(seed)
        self.nodes = []
        for machine in (machine1, machine2):
            (folder / machine.name).mkdir()
            self.nodes.append(harness.Server(folder / machine.name, NETWORK, dsn=cluster.tcp_dsn(),
                                             machine=machine).start())
        first, second = self.nodes
        self.at_first = [Writer(f"first{i}", self.outside, [first], seed) for i in range(2)]
        self.at_second = [Writer(f"second{i}", self.outside, [second], seed) for i in range(2)]
        self.roaming = [Writer("roaming0", self.outside, [first, second], seed),
                        Writer("roaming1", self.outside, [second, first], seed)]
        self.watcher = Watcher(self.outside, first)
        self.probes = {}  # name -> (uid, generation)

    @property
    def writers(self):
        return self.at_first + self.at_second + self.roaming

    def client(self, node):
        return harness.Client(node.http, self.outside)

    def holdfast(self, node, *arguments):
        """The command line, which speaks gRPC, from outside."""
        return self.outside.run([harness.BIN / "holdfast", "--server", node.grpc, *arguments],
                                check=False, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)

    def made(self, node, since):
        """Requests that the node has acknowledged since then."""
        return [d for w in self.writers for d in list(w.successes)
                if d.node == node.http and d.when >= since]

    def failed(self, node, since):
        return [f for w in self.writers for f in list(w.failures)
                if f.node == node.http and f.when >= since]

    def stop(self):
        """Each writer ends with the outcome of its last request."""
        for writer in self.writers:
            writer.stopped.set()
        for writer in self.writers:
            writer.join(timeout=failover_test.PATIENCE)
            assert not writer.is_alive(), f"{writer.me} has no answer to its last request"


def reasons(failures):
    counts = collections.Counter(f.reason for f in failures)
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common()) or "none"


def until(what, is_so):
    deadline = time.monotonic() + failover_test.PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not in {failover_test.PATIENCE} s"
        time.sleep(0.02)


def must_recover(world, writers, since, what):
    """Until each of these writers has more acknowledged."""
    failover_test.wait_for(writers, 5)
    print(f"{what}: {time.monotonic() - since:.1f} s later all go on", flush=True)


def cut_off_from_the_database(world):
    """Calls at the first node fail in time, in a way to be repeated; the second one goes on."""
    first, second = world.nodes
    world.lab.partition({world.database}, {first.machine})
    since = time.monotonic() + 0.2  # what was on its way may still be answered
    failover_test.wait_for(world.at_second, 20)
    begin = time.monotonic()
    told = world.holdfast(first, "--timeout", str(DEADLINE), "list", "organizations")
    assert told.returncode == UNAVAILABLE, told
    assert time.monotonic() - begin < DEADLINE + LATE, "the call outlives its deadline"
    world.client(first).get("/healthz")
    time.sleep(max(0, since + CUT - time.monotonic()))
    failures, made = world.failed(first, since), world.made(first, since)
    assert not made, f"acknowledged without a database: {made[:3]}"
    assert {f.reason for f in failures} <= PASSING | {NO_ANSWER}, failures
    assert len(failures) >= len(world.at_first), failures
    print(f"cut off: {len(world.made(second, since))} through the second node, at the first one "
          f"{reasons(failures)}", flush=True)
    healed = time.monotonic()
    world.lab.heal()
    must_recover(world, world.writers, healed, "healed")


def send_without_hearing(world):
    """Probes that arrive at the database, are held up there, and done when no answer passes any more."""
    first, second = world.nodes
    for number in range(0, PROBES, 3):
        world.client(second).call("POST", ORGANIZATIONS, {}, organizationId=f"updated-probe-{number}")
    with world.cluster.held(TABLE):
        probes = [Probe(world.client(first), number) for number in range(PROBES)]
        until("the probes arrive",
              lambda: world.cluster.waiting(first.machine.address) >= PROBES)
        world.lab.partition_one_way(world.database, first.machine)
    until("the probes are done", lambda: world.cluster.waiting(first.machine.address) == 0)
    assert not any(probe.answer for probe in probes), "acknowledged before it is done"
    return probes


def answers_lost(world):
    """What the first node sends arrives at the database, and is done there; the node hears nothing of
    it, for so long that it gives its sessions up. Afterwards it finds out what has become of what, and
    nothing that is sent again with the same request_id is done once more."""
    first, second = world.nodes
    probes = send_without_hearing(world)
    since = time.monotonic()
    reader = Call(world.client(first), 2 * PATIENT, "GET", ORGANIZATIONS)
    there = {o["name"]: o["metadata"] for o in all_organizations(world, second)[0]}
    done = [probe for probe in probes if probe.resource in there
            and there[probe.resource]["generation"] == probe.generation]
    assert len(done) > PROBES / 2, f"only {len(done)} probes were done"
    failover_test.wait_for(world.at_second, 20)
    reader.join(timeout=PATIENT)
    assert reader.reason in PASSING, f"a reader that nobody answers hears {reader.reason}"
    time.sleep(max(0, since + LONG_CUT - time.monotonic()))
    assert not world.made(first, since), "acknowledged without an answer of the database"
    print(f"answers lost: {len(done)} of {PROBES} probes were done; a reader heard {reader.reason} "
          f"after {reader.seconds:.1f} s, writers {reasons(world.failed(first, since))}", flush=True)
    healed = time.monotonic()
    world.lab.heal()
    again = Writer("again", world.outside, world.nodes, "probes")
    for probe in probes:
        probe.join(timeout=2 * PATIENT)
        assert probe.answer or probe.reason in PASSING | {NO_ANSWER}, probe.reason
        answer = again.request(*probe.arguments, **probe.query)
        assert probe.answer in (None, answer), f"{probe.answer}, and again: {answer}"
        assert probe not in done or answer["metadata"]["uid"] == there[probe.resource]["uid"], answer
        world.probes[probe.resource] = (answer["metadata"]["uid"], probe.generation)
    heard = collections.Counter(probe.reason or "an answer" for probe in probes)
    metrics = world.client(first).get("/metrics")["raw"]
    lost, found_out = (int(re.search(rf"holdfast_postgres_{name}{{.*?}} (\d+)", metrics)[1])
                       for name in ("ambiguous", "resolved"))
    print(f"healed: the probes heard {dict(heard)}; the first node lost {lost} answers and found "
          f"out {found_out}", flush=True)
    assert found_out > 0, "it didn't give up its sessions: this isn't what shall be tested"
    must_recover(world, world.writers, healed, "healed")


def slow_database(world):
    """Every answer takes 50 ms longer; all goes on, more slowly."""
    world.database.delay(DELAY_MS, JITTER_MS)
    since = time.monotonic() + 0.5
    failover_test.wait_for(world.writers, 10)
    for node in world.nodes:
        failures = world.failed(node, since)
        assert not failures, failures[:3]
        seconds = sorted(d.seconds for d in world.made(node, since))
        assert seconds[0] > DELAY_MS / 1000, f"{seconds[0]} s: nothing was delayed"
        print(f"slow: {len(seconds)} through {node.http} in {1000 * seconds[0]:.0f} to "
              f"{1000 * seconds[-1]:.0f} ms", flush=True)
    world.database.delay(0)


def kill_a_node(world):
    first, second = world.nodes
    time.sleep(world.rng.uniform(0, 0.3))
    second.kill()
    killed = time.monotonic()
    failover_test.wait_for(world.at_first + world.roaming, 20)
    assert not world.made(second, killed)
    harness.eventually_start(second)
    must_recover(world, world.writers, time.monotonic(), "the second node was killed, and started")


def kill_the_database(world):
    for _ in range(2):
        time.sleep(world.rng.uniform(0, 0.3))
        world.cluster.stop("KILL")
        killed = time.monotonic()
        world.cluster.start()
        must_recover(world, world.writers, killed, "the postmaster was killed, and started")


def all_organizations(world, node):
    """All organizations, and a revision that they are of, or a newer one."""
    client = world.client(node)
    found = client.list_all(ORGANIZATIONS, "organizations")
    return found, int(client.get(ORGANIZATIONS, pageSize=1)["revision"])


def check(world):
    """What is wrong, as texts; each begins with the sort of fault."""
    problems = [writer.problem for writer in world.writers if writer.problem]
    first, _ = all_organizations(world, world.nodes[0])
    second, revision = all_organizations(world, world.nodes[1])
    if first != second:
        problems.append("nodes: they say different things")
    found = {o["name"]: o for o in second}
    expected = {name: uid for name, (uid, _) in world.probes.items()}
    for writer in world.writers:
        expected.update(writer.there)
        problems += [f"refused: {name} is there" for name in writer.refused & found.keys()]
        problems += [f"deleted: {name} is there" for name in writer.gone & found.keys()]
        counter = found.get(writer.counter(), {"metadata": {}})
        seen = (counter.get("displayName", "0"), counter["metadata"].get("generation"))
        if seen != (str(writer.updates), str(writer.updates + 1)):
            problems.append(f"updates: {writer.counter()} is {seen} after {writer.updates}")
    for name, (_, generation) in world.probes.items():
        if name in found and found[name]["metadata"]["generation"] != generation:
            problems.append(f"updates: {name} is {found[name]}")
    problems += [f"lost: {name}" for name in expected.keys() - found.keys()]
    problems += [f"nobody made {name}" for name in found.keys() - expected.keys()]
    problems += [f"twice: {name} has another uid than was said" for name, uid in expected.items()
                 if name in found and found[name]["metadata"]["uid"] != uid]
    return problems + check_routes(world) + check_watcher(world, second, revision) + fsck(world)


def check_routes(world):
    """Of each transaction all, or nothing."""
    routes = world.client(world.nodes[0]).list_all(ROUTES, "routes")
    above = sorted(route["name"].split("/projects/")[0] for route in routes)
    expected = sorted(name for writer in world.writers for name in writer.transacted)
    return [] if above == expected else [f"half: {sorted(set(above) ^ set(expected))[:5]}"]


def check_watcher(world, organizations, revision):
    watcher = world.watcher
    if not watcher.stopped.is_set() and not watcher.reaches(revision):
        return [watcher.problem or f"watch: at {watcher.view.bookmark}, not at {revision}"]
    listed = {o["name"]: (o["metadata"]["uid"], int(o["metadata"]["resourceVersion"]))
              for o in organizations}
    differ = {name for name in listed.keys() | watcher.view.versions.keys()
              if listed.get(name) != watcher.view.versions.get(name)}
    return [f"watch: it has other things: {sorted(differ)[:5]}"] if differ else []


def fsck(world):
    told = world.holdfast(world.nodes[0], "fsck")
    clean = told.returncode == 0 and re.search(r" 0 findings$", told.stdout.strip())
    return [] if clean else [f"fsck: {told.stdout}"]


def must_see_all_that_is_wrong(world):
    """Made wrong by our own hand, each sort once."""
    world.watcher.stopped.set()
    world.watcher.join(SILENCE + LATE)  # with what comes next it would see all of it
    assert not world.watcher.is_alive()
    client, writer = world.client(world.nodes[1]), world.writers[0]
    twice, *_ = sorted(writer.there.keys() - writer.transacted - {writer.counter()})
    lost, *_ = sorted(world.probes)
    half, *_ = sorted(writer.transacted)
    client.call("DELETE", f"/v1/{lost}")
    client.call("DELETE", f"/v1/{half}/projects/p/vpcs/v/routers/r/routes/out")
    client.call("DELETE", f"/v1/{twice}")
    for name in (twice, min(writer.refused), min(writer.gone), "organizations/nobodys"):
        client.call("POST", ORGANIZATIONS, {}, organizationId=name.split("/")[1])
    client.call("PATCH", f"/v1/{writer.counter()}", {"displayName": "again"},
                updateMask="display_name")
    seen = check(world)
    for sort in ("lost: ", "half: ", "twice: ", "refused: ", "deleted: ", "nobody made ",
                 "updates: ", "watch: "):
        assert any(problem.startswith(sort) for problem in seen), (sort, seen)


def everything(world):
    for thread in (*world.writers, world.watcher):
        thread.start()
    begin = time.monotonic()
    failover_test.wait_for(world.writers, 20)
    print(f"both serve: 20 requests of each writer in {time.monotonic() - begin:.1f} s", flush=True)
    for phase in (cut_off_from_the_database, answers_lost, slow_database, kill_a_node,
                  kill_the_database):
        world.watcher.dropped.set()  # as if its own process had gone, and come back
        phase(world)
    world.stop()
    problems = check(world)
    assert not problems, problems[:20]
    view = world.watcher.view
    assert view.resets == 0, f"the watcher began anew {view.resets} times"
    assert world.watcher.resumed >= 4, "the watch was never broken"
    longest = max(d.seconds for w in world.writers for d in w.successes)
    print(f"{sum(w.made for w in world.writers)} writes, {len(view.versions)} organizations, "
          f"{sum(len(w.gone) for w in world.writers)} deleted, "
          f"{sum(w.updates for w in world.writers)} updates, "
          f"{sum(len(w.refused) for w in world.writers)} refused, "
          f"{reasons([f for w in world.writers for f in w.failures])}; "
          f"longest acknowledged call {longest:.1f} s; {view.events} events seen in "
          f"{world.watcher.resumed + 1} watches")
    must_see_all_that_is_wrong(world)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    arguments = parser.parse_args()
    namespaces.skip_if_unavailable()
    print(f"seed {arguments.seed}", flush=True)
    with (namespaces.Lab("database", "node1", "node2", "outside") as lab,
          harness.temporary_folder() as folder,
          postgres.Cluster(machine=next(iter(lab))) as cluster):
        world = World(lab, cluster, harness.pathlib.Path(folder), arguments.seed)
        everything(world)
        for node in world.nodes:
            assert node.stop() == 0
    harness.record("a_failing_network_loses_nothing_and_repeats_nothing", "T9")


if __name__ == "__main__":
    main()
