#!/usr/bin/env python3
"""Lets frames through between an interface and a tap, those from the interface later.

    delay_line.py INTERFACE TAP

Makes TAP and says "ready". A line "MS JITTER_MS" on standard input sets how long a frame from
INTERFACE is kept: MS, and up to JITTER_MS more by chance, but none overtakes another. It says "set".
Ends, and TAP with it, at the end of standard input. What tc's netem does, for kernels without it;
namespaces.py puts it between a machine and the switch.
"""

import collections
import fcntl
import os
import random
import select
import socket
import struct
import sys
import time

# linux/if_ether.h, linux/if_packet.h, linux/if_tun.h
ETH_P_ALL = 3
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x0002, 0x1000, 0x4000
SO_RCVBUFFORCE = 33
LONGEST_FRAME = 70_000  # of a sender that leaves cutting into packets to the interface
RECEIVE_BUFFER = 16 << 20
MAX_WAITING = 10_000  # frames; one more is lost, as in any queue
BURST = 64  # frames from one side before the other one is looked after


def open_interface(name):
    """Frames come and go with a header that says which checksums the kernel has left open: both
    sides have it alike, so nothing must be finished here."""
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    packets.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    packets.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    packets.bind((name, ETH_P_ALL))
    packets.setblocking(False)
    return packets.detach()


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return tap


def receive(file):
    """The frames that are there, a burst at most."""
    for _ in range(BURST):
        try:
            yield os.read(file, LONGEST_FRAME)
        except OSError:  # no more; or the interface isn't up yet
            return


def send(file, frame):
    try:
        os.write(file, frame)
    except OSError:
        pass  # no room, or not up yet: lost


class Line:
    """The frames that wait."""

    def __init__(self):
        self.delay = self.jitter = 0.0  # seconds
        self.waiting = collections.deque()  # (when it is due, frame)

    def put(self, frame):
        if len(self.waiting) == MAX_WAITING:
            return
        due = time.monotonic() + self.delay + random.uniform(0, self.jitter)
        if self.waiting:
            due = max(due, self.waiting[-1][0])
        self.waiting.append((due, frame))

    def due(self):
        """Takes out what has waited long enough."""
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            yield self.waiting.popleft()[1]

    def pause(self):
        """Seconds until the next is due; None: nothing waits."""
        return max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else None


def main():
    interface, tap = open_interface(sys.argv[1]), open_tap(sys.argv[2])
    line = Line()
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([0, interface, tap], [], [], line.pause())
        if 0 in ready:
            words = os.read(0, 1000).decode().split()
            if not words:
                return
            line.delay, line.jitter = (float(word) / 1000 for word in words[-2:])
            print("set", flush=True)
        if interface in ready:
            for frame in receive(interface):
                line.put(frame)
        if tap in ready:
            for frame in receive(tap):
                send(interface, frame)
        for frame in line.due():
            send(tap, frame)


if __name__ == "__main__":
    main()
