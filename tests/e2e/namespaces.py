"""Machines of one's own for these tests: network namespaces on a private bridge, whose links can be
cut, in one direction too, and slowed down.

    with namespaces.Lab("database", "node", "client") as lab:
        database, node, client = lab
        server = database.popen(["some-server", "--listen", database.address])
        lab.partition({database}, {node})

No namespace has a name: each lives as long as a process in it. So none can clash with another
test's, the host's own namespace shows nothing of it, and nothing stays, even after kill -9 of the
test: each has a keeper that ends with the test's process, and so does what popen() starts.

Needs root, and a kernel with veth, bridge, tun and clsact with BPF filters: unavailable() says
whether. netem isn't needed, as many kernels lack it: delay_line.py delays frames outside of the kernel.
"""

import contextlib
import ctypes
import ipaddress
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys

NETWORK = ipaddress.ip_network("10.77.0.0/24")
CLONE_NEWNET = 0x40000000  # sched.h
LONGEST_NAME = 12  # an interface's holds 15, and the tap is called "t-<name>"
DELAY_LINE = pathlib.Path(__file__).with_name("delay_line.py")
# Classic BPF: drop (TC_ACT_SHOT) what has this source address, else go on (TC_ACT_UNSPEC).
DROP_FROM = "4,32 0 0 26,21 0 1 {source},6 0 0 2,6 0 0 4294967295"
# All that a lab does to the kernel, once.
TRIAL = f"""
ip link add trial type bridge
ip link add one type veth peer name two
ip link set one master trial up
tc qdisc add dev one clsact
tc filter add dev one egress pref 1 protocol ip bpf da bytecode '{DROP_FROM.format(source=0)}'
ip tuntap add dev tap mode tap
"""

_libc = ctypes.CDLL(None, use_errno=True)


def unavailable():
    """Why there can be no Lab here; an empty text if there can."""
    for program in ("ip", "tc", "unshare", "setpriv"):
        if shutil.which(program) is None:
            return f"{program} isn't installed"
    trial = subprocess.run(["unshare", "--net", "sh", "-ec", TRIAL], capture_output=True,
                           text=True, check=False)
    return "" if trial.returncode == 0 else " ".join(trial.stderr.split())


def skip_if_unavailable():
    """Ends a test that needs a Lab, as passed, where there can be none. It records nothing then."""
    if why := unavailable():
        print(f"skipped: network namespaces aren't permitted here ({why})")
        sys.exit(0)


class Namespace:
    """A network namespace."""

    def __init__(self):
        # It ends when nobody can write to it any more.
        self.keeper = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        self.keeper.stdin.write(b"are you there?\n")
        self.keeper.stdin.flush()
        if not self.keeper.stdout.readline():
            raise RuntimeError("no network namespace; it said why on standard error")
        self.path = f"/proc/{self.keeper.pid}/ns/net"

    @staticmethod
    def _command(command, user):
        who = []
        if user is not None:
            entry = pwd.getpwnam(user)
            who = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        # It becomes the command: its pid is what the caller gets.
        return ["setpriv", "--pdeathsig=KILL", *who, *command]

    def popen(self, command, user=None, **options):
        """A subprocess.Popen, in the namespace from its first moment. It is killed when the calling
        *thread* ends: call it from one that lives as long as the process shall."""
        with self.entered():
            return subprocess.Popen(self._command(command, user), **options)

    def run(self, command, user=None, **options):
        """A subprocess.run that must succeed."""
        with self.entered():
            return subprocess.run(self._command(command, user), **{"check": True, **options})

    @contextlib.contextmanager
    def entered(self):
        """This thread is in it meanwhile."""
        with open("/proc/thread-self/ns/net", "rb") as home, open(self.path, "rb") as there:
            _set_namespace(there)
            try:
                yield
            finally:
                _set_namespace(home)

    def processes(self):
        """The pids of all that is in it, but for the keeper."""
        found, own = [], os.stat(self.path).st_ino
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it is gone
                if os.stat(process / "ns/net").st_ino == own:
                    found.append(int(process.name))
        return sorted(set(found) - {self.keeper.pid})

    def close(self):
        """Kills what is in it; without anybody it is gone."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.keeper.stdin.close()
        self.keeper.stdout.close()
        self.keeper.wait()


def _set_namespace(file):
    if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Machine(Namespace):
    """A namespace with one interface, eth0, at `address`."""

    def __init__(self, name, address, switch):
        super().__init__()
        self.name = name
        self.address = str(address)
        self.switch = switch
        self.line = None  # the process that delays what comes from here
        switch.run(["ip", "-batch", "-"], text=True, input=f"""
            link add name {name} type veth peer name eth0 netns {self.keeper.pid}
            link set dev {name} master switch up
            """)
        switch.run(["tc", "qdisc", "add", "dev", name, "clsact"])
        self.run(["ip", "-batch", "-"], text=True, input=f"""
            link set lo up
            link set eth0 up
            address add {address}/{NETWORK.prefixlen} dev eth0
            """)

    def __repr__(self):
        return f"{self.name} ({self.address})"

    def connect(self, address, timeout):
        """A TCP connection from there to (host, port), which any thread here may use."""
        with self.entered():
            connection = socket.socket()  # it stays where it was made
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(timeout)
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection

    def kill9(self, process):
        """kill -9 of what popen() gave; returns when it is gone."""
        assert process.pid in self.processes(), f"{process.args} doesn't run on {self}"
        process.kill()
        process.wait()

    def delay(self, ms, jitter_ms=0):
        """All that leaves the machine arrives so much later, and up to the jitter more, in order.
        What comes to it doesn't: a round trip takes once the delay. 0: as without."""
        if ms == 0 and jitter_ms == 0:
            self._remove_line()
            return
        if self.line is None:
            self._insert_line()
        self.line.stdin.write(f"{ms} {jitter_ms}\n")
        self.line.stdin.flush()
        assert self.line.stdout.readline() == "set\n", "the delay line ended"

    def _insert_line(self):
        """The cable is pulled from the switch, and put in again with a program between. What is on
        its way meanwhile is lost, as with any cable."""
        tap = f"t-{self.name}"
        self.line = self.switch.popen([sys.executable, DELAY_LINE, self.name, tap], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.line.stdout.readline() == "ready\n", "no delay line"
        self.switch.run(["ip", "-batch", "-"], text=True, input=f"""
            link set dev {self.name} nomaster
            link set dev {tap} master switch up
            """)

    def _remove_line(self):
        if self.line is None:
            return
        self.line.stdin.close()
        self.line.stdout.close()
        self.line.wait()  # its tap goes with it
        self.line = None
        self.switch.run(["ip", "link", "set", "dev", self.name, "master", "switch"])

    def close(self):
        if self.line is not None:
            self.line.kill()  # the switch goes, too: nothing is to be put back
            self.line.wait()
            self.line = None
        super().close()


class Lab:
    """Machines with these names on one switch; iterates over them in this order. On leaving, however
    that comes about, everything that runs on them is killed. SIGTERM leaves."""

    def __init__(self, *names):
        assert names and all(0 < len(name) <= LONGEST_NAME for name in names), names
        self.names = names
        self.machines = []
        self.switch = None
        self.before = None

    def __enter__(self):
        self.before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        try:
            self.switch = Namespace()
            self.switch.run(["ip", "link", "add", "switch", "up", "type", "bridge"])
            for name, address in zip(self.names, NETWORK.hosts(), strict=False):
                self.machines.append(Machine(name, address, self.switch))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def __iter__(self):
        return iter(self.machines)

    def partition(self, ones, others):
        """No packet passes between these and those, as if a router between dropped them: nobody is
        told. Adds to what is cut already."""
        for one in ones:
            for other in others:
                self.partition_one_way(one, other)
                self.partition_one_way(other, one)

    def partition_one_way(self, sender, receiver):
        """Nothing that `sender` sends arrives at `receiver`; the other direction isn't touched."""
        source = int(ipaddress.ip_address(sender.address))
        # One filter a sender, replaced if it is there. ARP passes, as it would on the way to a router.
        self.switch.run(["tc", "filter", "replace", "dev", receiver.name, "egress",
                         "pref", str(1 + self.machines.index(sender)), "handle", "1",
                         "protocol", "ip", "bpf", "da", "bytecode", DROP_FROM.format(source=source)])

    def heal(self):
        """All arrives everywhere again; delays stay."""
        for machine in self.machines:
            self.switch.run(["tc", "filter", "del", "dev", machine.name, "egress"])

    def close(self):
        with contextlib.ExitStack() as rest:  # all of it, whatever fails
            rest.callback(signal.signal, signal.SIGTERM, self.before)
            if self.switch is not None:
                rest.callback(self.switch.close)
            for machine in self.machines:
                rest.callback(machine.close)
        self.machines, self.switch = [], None
