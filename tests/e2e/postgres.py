"""Private PostgreSQL servers for these tests: tools/postgres-cluster runs them, and removes them
when the test is gone, however it ends."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import harness

PSQL = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql"))


class Cluster:
    """One server. `settings` are PostgreSQL's own, as "name=value"; `standby_of`, a conninfo, makes
    it the streaming standby of another one. With `machine` (of namespaces.py) it runs there, and TCP
    leads to it from that network; sql() needs no network."""

    def __init__(self, *settings, standby_of=None, durable=False, machine=None):
        # Not in $TMPDIR: the server's user must be able to go there, its socket's path be short.
        self.folder = tempfile.mkdtemp(prefix="holdfast-pg-", dir="/tmp")
        fast = [] if durable else ["fsync=off", "full_page_writes=off"]
        standby = ["--standby-of", standby_of] if standby_of else []
        self.address = machine.address if machine else "127.0.0.1"
        listen = ["--listen", machine.address] if machine else ["--tcp"]
        popen = machine.popen if machine else subprocess.Popen
        self.supervisor = popen(
            [harness.SOURCE / "tools/postgres-cluster", self.folder, *listen, *standby,
             "max_connections=200", *fast, *settings],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.databases = 0
        self._hear_ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _hear(self):
        line = self.supervisor.stdout.readline().strip()
        if not line:
            raise RuntimeError("no PostgreSQL server; it said why on standard error")
        return line

    def _hear_ready(self):
        _, port, postmaster, self.sockets = self._hear().split(" ", 3)
        self.port, self.postmaster = int(port), int(postmaster)

    def _tell(self, command):
        self.supervisor.stdin.write(command + "\n")
        self.supervisor.stdin.flush()

    def dsn(self, database="postgres"):
        return f"host={self.sockets} port={self.port} user=postgres dbname={database}"

    def tcp_dsn(self, database="postgres"):
        return f"host={self.address} port={self.port} user=postgres dbname={database}"

    def create_database(self):
        """An empty one; its dsn()."""
        self.databases += 1
        name = f"test_{self.databases}"
        self.sql(f"CREATE DATABASE {name}")
        return self.dsn(name)

    def sql(self, statement, database="postgres", patience=0):
        """Rows as psql prints them, columns parted by '|'. CalledProcessError if it fails, for so
        many seconds."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return subprocess.run(
                    [PSQL, "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.dsn(database), "-c",
                     statement], check=True, capture_output=True, text=True).stdout.strip()
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    @contextlib.contextmanager
    def held(self, table, database="postgres"):
        """Who would write to the table waits meanwhile; who reads doesn't."""
        with subprocess.Popen([PSQL, "-XqAt", "-d", self.dsn(database)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as holder:
            holder.stdin.write(f"BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE; SELECT 'held';\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == "held\n", f"can't hold {table}"
            yield
            holder.stdin.close()  # which ends the transaction, too

    def waiting(self, address):
        """How many sessions from that address wait for a lock."""
        return int(self.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                            f"AND client_addr = '{address}'"))

    def backends(self):
        """The processes behind clients' connections. Waits for a server that is beginning anew."""
        pids = self.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
                        "AND pid <> pg_backend_pid()", patience=30)
        return [int(pid) for pid in pids.split()]

    def stop(self, how="KILL"):
        """KILL, QUIT (at once) or INT (fast); returns when the postmaster is gone."""
        self._tell(f"stop {how}")
        assert self._hear() == "stopped"

    def start(self):
        """After stop(), on the same port."""
        self._tell("start")
        self._hear_ready()

    def promote(self):
        assert self.sql("SELECT pg_promote()") == "t"

    def close(self):
        """Stops it and waits until nothing of it is left."""
        self.supervisor.stdin.close()
        self.supervisor.stdout.read()
        self.supervisor.stdout.close()
        self.supervisor.wait()


def kill_process(pid):
    """kill -9 of one server process; it may be gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
