#!/usr/bin/env python3
"""The connection to PostgreSQL is cut at each message of a project's creation, in each direction.

A proxy between server and database forwards n messages from the moment it is told to, and then
drops the connection. A request with a request_id hears what became of it whatever n is; one without
may hear that nobody knows. Either way the project is there whole, or not at all.

    nexus_cut_test.py [--on read_committed|serializable]
"""

import argparse
import pathlib
import socket
import struct
import sys
import threading
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402  pylint: disable=wrong-import-position
import postgres  # noqa: E402  pylint: disable=wrong-import-position

PROJECTS = "/v1/organizations/acme/projects"
ROWS = {"vpcs/default/firewallRules": 3, "vpcs/default/subnets": 1,
        "vpcs/default/internetGateways": 1, "vpcs/default/routers/system/routes": 2}
MOST_MESSAGES = 150  # more than any creation has in either direction


def receive(source, size):
    data = b""
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


class CuttingProxy:
    """Speaks PostgreSQL's framing: a type byte, but for the first message of a client, and a length."""

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.lock = threading.Lock()
        self.direction, self.left, self.cut = None, 0, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self, direction, messages):
        with self.lock:
            self.direction, self.left, self.cut = direction, messages, False

    def disarm(self):
        """Whether it has cut a connection meanwhile."""
        with self.lock:
            self.direction = None
            return self.cut

    def passes(self, direction):
        with self.lock:
            if direction != self.direction:
                return True
            self.left -= 1
            if self.left >= 0:
                return True
            self.direction, self.cut = None, True
            return False

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink, direction in ((client, server, "to"), (server, client, "from")):
                threading.Thread(target=self.forward, args=(source, sink, direction),
                                 daemon=True).start()

    def forward(self, source, sink, direction):
        try:
            typed = direction == "from"
            while True:
                head = receive(source, 5 if typed else 4)
                body = receive(source, struct.unpack(">I", head[-4:])[0] - 4)
                if typed and not self.passes(direction):
                    raise ConnectionError
                sink.sendall(head + body)
                typed = True
        except OSError:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                end.close()


def create(client, project, request_id):
    """OK, or the reason of the error."""
    query = {"requestId": request_id} if request_id else {}
    try:
        client.call("POST", PROJECTS, {}, projectId=project, **query)
        return "OK"
    except harness.ApiError as error:
        return error.reason


def is_whole(client, project):
    """True or False: it isn't there at all. No read may notice that the cut hit a connection that
    nobody used just then."""
    names = {p["name"] for p in client.list_all(PROJECTS, "projects")}
    found = f"organizations/acme/projects/{project}" in names
    for collection, count in ROWS.items():
        listed = client.get(f"{PROJECTS}/{project}/{collection}")
        rows = len(next((v for v in listed.values() if isinstance(v, list)), []))
        assert rows == (count if found else 0), f"{project} is half done: {collection}"
    return found


def cut_at(client, proxy, direction, n, answers):
    """Whether there were so many messages; checks both sorts of request, and counts the answers."""
    was_cut = []
    for request_id in (str(uuid.uuid4()), ""):
        project = f"{direction}-{n}-{'keyed' if request_id else 'plain'}"
        proxy.arm(direction, n)
        answer = create(client, project, request_id)
        was_cut.append(proxy.disarm())
        there = is_whole(client, project)
        answers[answer] = answers.get(answer, 0) + 1
        if answer in ("OK", "DATABASE_UNAVAILABLE"):  # the latter: a read before it was cut
            assert there == (answer == "OK"), (project, answer, there)
        else:
            assert answer == "COMMIT_UNKNOWN" and not request_id, (project, answer, there)
        if request_id:
            assert create(client, project, request_id) == "OK", f"{project}: the repeat"
    return all(was_cut)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--on", choices=["read_committed", "serializable"],
                        default="read_committed")
    arguments = parser.parse_args()
    with harness.temporary_folder() as folder, postgres.Cluster() as cluster:
        database = cluster.create_database().rsplit("dbname=", 1)[1]
        proxy = CuttingProxy(cluster.port)
        dsn = (f"host=127.0.0.1 port={proxy.port} user=postgres dbname={database} "
               "sslmode=disable gssencmode=disable")
        server = harness.Server(folder, {"network.example.com": harness.NETWORK_PROTOS},
                                "holdfastd-examples", dsn=dsn, isolation=arguments.on).start()
        client = server.client()
        client.call("POST", "/v1/organizations", {}, organizationId="acme")
        create(client, "warm", "")
        for direction in ("to", "from"):
            n, answers = 0, {}
            while n < MOST_MESSAGES and cut_at(client, proxy, direction, n, answers):
                n += 1
            print(f"{n} cuts on the way {direction} the database: {answers}")
            assert n > 5, f"only {n} messages {direction} the database: nothing was cut"
        done = harness.subprocess.run(
            [harness.BIN / "holdfast", "--server", server.grpc, "fsck"], check=False)
        assert done.returncode == 0
        server.stop()
    harness.record(f"cut_at_each_message_{arguments.on}", "T5", "T9")


if __name__ == "__main__":
    main()
