# SPDX-License-Identifier: MIT
"""Free ports on loopback, and a pair of network namespaces for clients that refuse 127.0.0.0/8."""
import contextlib
import ctypes
import fcntl
import itertools
import os
import pathlib
import socket
import struct
import subprocess
import threading

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
LIBC = ctypes.CDLL(None, use_errno=True)


# Ports below those of outgoing connections (32768 and up), so that a free port stays free until a program
# has bound it. A process takes them in turn, from a start that depends on its process id: neither one
# process nor two started one after the other use a port twice.
PORTS = range(16384, 32768)
next_ports = itertools.cycle(range(len(PORTS)))
first_port = os.getpid() * 64


def free_port(host="127.0.0.1"):
    """A port that is free for TCP and UDP now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in PORTS:
        port = PORTS[(first_port + next(next_ports)) % len(PORTS)]
        with socket.socket(family) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind((host, port))
                udp.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")


def listens(port):
    """Whether a TCP socket listens on PORT in this network namespace, without connecting to it."""
    for table in ("/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"):
        with open(table, encoding="ascii") as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    return True
    return False


@contextlib.contextmanager
def own_namespace():
    """A network namespace with nothing but loopback, for the calling thread, the threads and the programs
    that it starts meanwhile. Only root can make one; others share the machine's."""
    if os.geteuid() != 0:
        yield
        return
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if LIBC.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
        yield
    finally:
        LIBC.setns(home, CLONE_NEWNET)
        os.close(home)


class Loopback:
    """The hosts of a test that needs no namespaces: all are 127.0.0.1."""

    class Side:
        ip, namespace = "127.0.0.1", None

        def argv(self, args):
            return args

        def call(self, function):
            return function()

        def port(self):
            return free_port()

    left = right = Side()


class Side:
    """One end of the pair."""

    def __init__(self, namespace, ip):
        self.namespace, self.ip = namespace, ip
        self.last_port = 20000

    def argv(self, args):
        """The command that runs ARGS here; it execs, so that the process keeps its id."""
        return ["ip", "netns", "exec", self.namespace, *args]

    def port(self):
        """A free port: only this test uses the namespace."""
        self.last_port += 1
        return self.last_port

    def call(self, function):
        """Calls FUNCTION in this namespace, in a thread of its own. Returns its result."""
        result = []

        def work():
            fd = os.open(pathlib.Path("/run/netns") / self.namespace, os.O_RDONLY)
            try:
                if LIBC.setns(fd, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
                result.append(function())
            except Exception as error:  # carried over to the caller's thread
                result.append(error)
            finally:
                os.close(fd)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if isinstance(result[0], Exception):
            raise result[0]
        return result[0]


class House(Side):
    """One namespace, for programs that share a machine: every address of 10.91.0.0/16 is its own."""

    def __init__(self):
        super().__init__(f"cj{os.getpid()}", "10.91.0.1")

    def make(self):
        require_root()
        ip("netns", "add", self.namespace)
        ip("-n", self.namespace, "link", "set", "lo", "up")
        ip("-n", self.namespace, "addr", "add", self.ip + "/16", "dev", "lo")

    def remove(self):
        subprocess.run(["ip", "netns", "del", self.namespace], capture_output=True)


def ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True)


def require_root():
    if os.geteuid() != 0:
        raise RuntimeError("network namespaces are for root only")


class Pair:
    """Two namespaces joined by a veth pair: cj<pid>a with 10.91.0.1, cj<pid>b with 10.91.0.2."""

    def __init__(self):
        name = f"cj{os.getpid()}"
        self.left, self.right = Side(name + "a", "10.91.0.1"), Side(name + "b", "10.91.0.2")

    def make(self):
        require_root()
        sides = (self.left, self.right)
        for side in sides:
            ip("netns", "add", side.namespace)
        ip("link", "add", sides[0].namespace, "netns", sides[0].namespace, "type", "veth",
                "peer", "name", sides[1].namespace, "netns", sides[1].namespace)
        for side in sides:
            ip("-n", side.namespace, "addr", "add", f"{side.ip}/24", "dev", side.namespace)
            ip("-n", side.namespace, "link", "set", side.namespace, "up")
            ip("-n", side.namespace, "link", "set", "lo", "up")

    def remove(self):
        for side in (self.left, self.right):
            subprocess.run(["ip", "netns", "del", side.namespace], capture_output=True)
