"""Runs a real holdfastd as a process and talks to it in JSON, with nothing but Python's library.

The tests here know the server only from outside: its program, its configuration file, its HTTP
interface. What they prove they record as the C++ tests do, below HOLDFAST_REQUIREMENTS_DIR.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

SOURCE = pathlib.Path(os.environ.get("HOLDFAST_SOURCE", pathlib.Path(__file__).parents[2]))
BIN = pathlib.Path(os.environ.get("HOLDFAST_BIN", SOURCE / "build/release/bin"))
ARCHIVE_PROTOS = SOURCE / "examples/archive/proto"
NETWORK_PROTOS = SOURCE / "examples/network/proto"


def sanitizers():
    """What the programs of this build carry ("address,undefined", "thread"), as it was configured.

    Empty for what people run, and where no configuration is beside the programs.
    """
    cache = BIN.parent / "CMakeCache.txt"
    text = cache.read_text() if cache.exists() else ""
    found = re.search(r"^HF_SANITIZE:\w+=(.*)$", text, re.MULTILINE)
    return found[1] if found else ""


class ApiError(Exception):
    """An error answer: HTTP status and the google.rpc.Status in JSON."""

    def __init__(self, status, body):
        super().__init__(f"HTTP {status}: {json.dumps(body)[:2000]}")
        self.status = status
        self.body = body.get("error", {}) if isinstance(body, dict) else {}

    @property
    def reason(self):
        for detail in self.body.get("details", []):
            if detail.get("@type", "").endswith("google.rpc.ErrorInfo"):
                return detail.get("reason")
        return None


class Gone(Exception):
    """The server didn't answer: it may or may not have done what was asked."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """One holdfastd on a data folder; may be killed and started again on the same data. With `dsn`
    it is on that PostgreSQL database, else on files in the folder. `settings` are further lines of
    its configuration. With `machine` (of namespaces.py) it runs there and listens at its address."""

    def __init__(self, folder, services, program="holdfastd", dsn=None, settings=(),
                 isolation="read_committed", machine=None):
        self.folder = pathlib.Path(folder)
        self.program = BIN / program
        self.machine = machine
        self.process = None
        self.http = None
        self.grpc = None
        self.config = self.folder / "holdfastd.yaml"
        # The same ports after every start, so that clients find it again.
        host = machine.address if machine else "127.0.0.1"
        grpc, http_port = (7443, 7080) if machine else (free_port(), free_port())
        lines = ["listen:", f"  grpc: {host}:{grpc}", f"  http: {host}:{http_port}", *settings,
                 "deployments:"]
        for domain, protos in services.items():
            database = (f'postgres: {{dsn: "{dsn}", isolation: {isolation}}}' if dsn
                        else f"sqlite: {self.folder / (domain + '.db')}")
            lines += [
                f"  - service: {domain}",
                "    region: local",
                f"    protos: [{protos}]",
                f"    database: {{{database}}}",
            ]
        self.config.write_text("\n".join(lines) + "\n")
        self.log = open(self.folder / "holdfastd.log", "ab")

    def start(self):
        self.launch()
        return self.wait_ready()

    def launch(self):
        popen = self.machine.popen if self.machine else subprocess.Popen
        self.process = popen([self.program, "--config", self.config], stdout=subprocess.PIPE,
                             stderr=self.log, text=True)

    def wait_ready(self):
        for line in self.process.stdout:
            found = re.search(r"ready grpc=(\S+) http=(\S+)", line)
            if found:
                self.grpc, self.http = found.groups()
                return self
        raise RuntimeError(f"holdfastd ended at start: {self.log_tail()}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """Stops gracefully; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        return code

    def log_tail(self):
        self.log.flush()
        return (self.folder / "holdfastd.log").read_text(errors="replace")[-4000:]

    def rss_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024

    def client(self):
        return Client(self.http)


class Connection(http.client.HTTPConnection):
    """From `machine`, or from here."""

    def __init__(self, address, timeout, machine):
        super().__init__(address, timeout=timeout)
        self.machine = machine

    def connect(self):
        if self.machine is None:
            super().connect()
        else:
            self.sock = self.machine.connect((self.host, self.port), self.timeout)


class Client:
    """JSON over one kept connection; with `machine` (of namespaces.py), from there."""

    def __init__(self, address, machine=None):
        self.address = address
        self.machine = machine
        self.connection = None

    def call(self, method, path, body=None, timeout=60, deadline=None, **query):
        """The parsed answer; ApiError for an error, Gone if there was none in `timeout` seconds. The
        server is told of the `deadline`, in seconds as well."""
        target = path + ("?" + urllib.parse.urlencode(query, doseq=True) if query else "")
        payload = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        if deadline is not None:
            headers["Request-Timeout"] = str(deadline)
        try:
            if self.connection is None:
                self.connection = Connection(self.address, timeout, self.machine)
            self.connection.request(method, target, payload, headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Gone(str(error)) from error
        try:
            parsed = json.loads(text) if text else {}
        except ValueError:
            parsed = {"raw": text.decode(errors="replace")}
        if answer.status >= 400:
            raise ApiError(answer.status, parsed)
        return parsed

    def get(self, path, **query):
        return self.call("GET", path, **query)

    def list_all(self, path, field, **query):
        """All pages of a collection."""
        found, token = [], ""
        while True:
            page = self.call("GET", path, pageSize=1000, pageToken=token, **query)
            found += page.get(field, [])
            token = page.get("nextPageToken", "")
            if not token:
                return found

    def stream(self, path, silence=120, **query):
        """Lines of a watch, parsed, until the other side ends it or the caller stops; Gone after so
        many seconds without a line."""
        connection = Connection(self.address, silence, self.machine)
        try:
            connection.request("GET", path + "?" + urllib.parse.urlencode(query, doseq=True))
            answer = connection.getresponse()
            if answer.status >= 400:
                raise ApiError(answer.status, json.loads(answer.read() or b"{}"))
            for line in answer:
                if line.strip():
                    yield json.loads(line)
        except (OSError, http.client.HTTPException) as error:
            raise Gone(str(error)) from error
        finally:
            connection.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def eventually_start(server, attempts=5):
    """Starts after a kill; what a crash left must not keep it from starting."""
    for attempt in range(attempts):
        try:
            return server.start()
        except RuntimeError:
            if attempt == attempts - 1:
                raise
            time.sleep(0.2)


def apt_packages_list():
    """The text of this machine's release list (main, amd64)."""
    return subprocess.run([SOURCE / "examples/archive/apt-list.sh"], check=True,
                          stdout=subprocess.PIPE).stdout


def archive_facts(packages):
    """What an import of this list must give, counted by a program that shares nothing with it."""
    with open(packages, "rb") as text:
        return json.loads(subprocess.run([SOURCE / "examples/archive/facts.pl"], stdin=text,
                                         check=True, stdout=subprocess.PIPE).stdout)


def record(test, *numbers):
    """Says that a test which passed proves these requirements."""
    folder = os.environ.get("HOLDFAST_REQUIREMENTS_DIR")
    if folder:
        name = pathlib.Path(sys.argv[0]).stem
        with open(pathlib.Path(folder) / f"{name}.txt", "a", encoding="utf-8") as file:
            for number in numbers:
                file.write(f"{number}\t{name}.{test}\n")


def temporary_folder():
    return tempfile.TemporaryDirectory(prefix="holdfast-e2e-")
