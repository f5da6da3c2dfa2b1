#!/usr/bin/env python3
"""The machines of namespaces.py do what they promise: packets are lost where they shall be and only
there, late when they shall be, and nothing is left, however a test ends."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import namespaces

PORT = 5000
PACKETS = 20
PATIENCE = 10
DELAY_MS, JITTER_MS = 40, 20
# Has a lab with a process in each machine, slowed down; says which namespaces these are, and waits.
VICTIM = f"""
import os, sys, time
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
import namespaces
with namespaces.Lab("one", "two") as lab:
    sleepers = [machine.popen(["sleep", "1000"]) for machine in lab]
    lab.machines[0].delay(10)
    print(*(os.stat(n.path).st_ino for n in (lab.switch, *lab)), flush=True)
    time.sleep(1000)
"""


def udp(machine):
    with machine.entered():
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((machine.address, PORT))
    made.settimeout(0.2)
    return made


class Post:
    """A socket on each machine, by which they write to each other."""

    def __init__(self, lab):
        self.sockets = {machine: udp(machine) for machine in lab}

    def arrives(self, sender, receiver):
        self.sockets[sender].sendto(b"are you there?", (receiver.address, PORT))
        try:
            return self.sockets[receiver].recvfrom(100)[1][0] == sender.address
        except TimeoutError:
            return False

    def who_hears(self):
        """Pairs of names, as "sender>receiver"."""
        return {f"{a.name}>{b.name}" for a in self.sockets for b in self.sockets
                if a is not b and self.arrives(a, b)}

    def seconds(self, sender, receiver):
        """How long each of some packets took; they must come in order."""
        sent = []
        for number in range(PACKETS):
            sent.append(time.monotonic())
            self.sockets[sender].sendto(bytes([number]), (receiver.address, PORT))
        took = []
        for number in range(PACKETS):
            assert self.sockets[receiver].recv(100) == bytes([number]), "lost, or overtaken"
            took.append(time.monotonic() - sent[number])
        return took


def cut_links(lab, post):
    one, two, three = lab
    everything = {f"{a.name}>{b.name}" for a in lab for b in lab if a is not b}
    assert post.who_hears() == everything
    lab.partition({one}, {two, three})
    assert post.who_hears() == {"two>three", "three>two"}
    lab.heal()
    assert post.who_hears() == everything
    lab.partition_one_way(one, two)
    lab.partition_one_way(one, two)
    assert post.who_hears() == everything - {"one>two"}
    lab.partition_one_way(two, three)
    assert post.who_hears() == everything - {"one>two", "two>three"}
    one.delay(1)  # a link that is both slow and cut
    assert post.who_hears() == everything - {"one>two", "two>three"}
    lab.heal()
    assert post.who_hears() == everything
    one.delay(0)
    assert post.who_hears() == everything


def slow_down(lab, post):
    one, two, _ = lab
    fast = post.seconds(one, two)
    one.delay(DELAY_MS, JITTER_MS)
    slow, back = post.seconds(one, two), post.seconds(two, one)
    one.delay(0)
    again = post.seconds(one, two)
    print(f"ms at least and at most: {text(fast)}; delayed {text(slow)}, the other way {text(back)}; "
          f"again {text(again)}")
    assert min(slow) >= DELAY_MS / 1000 and max(slow) > min(slow), slow
    # The others are late only as far as the machine is busy.
    assert all(min(took) < DELAY_MS / 1000 / 2 for took in (fast, back, again)), (fast, back, again)


def text(seconds):
    return f"{1000 * min(seconds):.1f} to {1000 * max(seconds):.1f}"


def send_much_through_a_slow_link(lab):
    """Frames that the kernel has left to the interface to cut and to sum up arrive whole."""
    one, two, _ = lab
    one.delay(1)
    data = os.urandom(3_000_000)
    with one.entered():
        listener = socket.create_server((one.address, PORT))
    listener.settimeout(PATIENCE)
    client = two.connect((one.address, PORT), PATIENCE)
    server, _ = listener.accept()
    server.settimeout(PATIENCE)
    for sender, receiver in ((server, client), (client, server)):
        received = bytearray()
        for begin in range(0, len(data), 100_000):
            sender.sendall(data[begin:begin + 100_000])
            while len(received) < begin + 100_000:
                received += receiver.recv(100_000)
        assert bytes(received) == data, "it came otherwise than it was sent"
    for each in (listener, client, server):
        each.close()
    one.delay(0)


def run_and_kill(lab):
    one, two, _ = lab
    told = one.run(["sh", "-c", "id -un; ip -brief -4 address show eth0"], user="nobody", text=True,
                   stdout=subprocess.PIPE).stdout
    assert told.startswith("nobody\n") and one.address in told, told
    sleeper = one.popen(["sleep", "1000"])
    assert one.processes() == [sleeper.pid] and not two.processes()
    one.kill9(sleeper)
    assert sleeper.returncode == -signal.SIGKILL and not one.processes()


def processes_in(inodes):
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.stat(process / "ns/net").st_ino in inodes:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            pass  # it is gone
    return found


def leave_nothing(how):
    with subprocess.Popen([sys.executable, "-c", VICTIM], stdout=subprocess.PIPE,
                          text=True) as victim:
        inodes = {int(inode) for inode in victim.stdout.readline().split()}
        # Of three namespaces the keepers, two sleepers and a delay line.
        assert len(inodes) == 3 and len(processes_in(inodes)) == 6, processes_in(inodes)
        victim.send_signal(how)
        victim.wait(timeout=PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while left := processes_in(inodes):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def skip_where_it_is_not_permitted():
    told = subprocess.run(["setpriv", "--bounding-set=-all", sys.executable, __file__],
                          capture_output=True, text=True, check=True).stdout
    assert told.startswith("skipped: network namespaces aren't permitted here ("), told
    print(told.strip())


def main():
    namespaces.skip_if_unavailable()
    interfaces = socket.if_nameindex()
    with namespaces.Lab("one", "two", "three") as lab:
        post = Post(lab)
        cut_links(lab, post)
        slow_down(lab, post)
        send_much_through_a_slow_link(lab)
        run_and_kill(lab)
        assert socket.if_nameindex() == interfaces, "the host's own network shows it"
    for how in (signal.SIGTERM, signal.SIGKILL):
        leave_nothing(how)
    skip_where_it_is_not_permitted()


if __name__ == "__main__":
    main()
