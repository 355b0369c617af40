# SPDX-License-Identifier: MIT
"""A bare BitTorrent peer: sends the messages that a test chooses, and records those that it receives
(BEP 3, BEP 6)."""
import os
import socket
import struct
import threading
import time

CHOKE, UNCHOKE, INTERESTED, NOT_INTERESTED, HAVE, BITFIELD, REQUEST, PIECE, CANCEL = range(9)
HAVE_ALL, HAVE_NONE, REJECT, ALLOWED_FAST = 0x0E, 0x0F, 0x10, 0x11
EXTENDED = 20  # BEP 10
BLOCK = 16384
FAST_BIT = 0x04  # of the last reserved byte
EXTENDED_BIT = 0x10  # of the sixth


def message(kind, payload=b""):
    return struct.pack(">IB", 1 + len(payload), kind) + payload


def bitfield(n_pieces, has):
    bits = bytearray((n_pieces + 7) // 8)
    for i in has:
        bits[i // 8] |= 0x80 >> i % 8
    return bytes(bits)


class Wire:
    """One connection, whose messages the test sends and receives itself."""

    def __init__(self, sock):
        self.sock, self.inbox = sock, b""
        self.reserved = self.peer_id = None

    @classmethod
    def dial(cls, host, port, seconds=10, source=None):
        wire = cls(socket.create_connection((host, port), seconds, source and (source, 0)))
        wire.sock.settimeout(seconds)
        return wire

    def take(self, n):
        while len(self.inbox) < n:
            got = self.sock.recv(1 << 18)
            if not got:
                raise ConnectionError("closed")
            self.inbox += got
        taken, self.inbox = self.inbox[:n], self.inbox[n:]
        return taken

    def send(self, data):
        self.sock.sendall(data)

    def shake(self, info_hash, fast=False, peer_id=None, extended=False):
        reserved = bytes([0, 0, 0, 0, 0, EXTENDED_BIT if extended else 0, 0,
                          FAST_BIT if fast else 0])
        self.send(b"\x13BitTorrent protocol" + reserved + info_hash +
                  (peer_id or b"-BP0001-" + os.urandom(6).hex().encode()))
        return self.receive_handshake()

    def receive_handshake(self):
        hello = self.take(68)
        self.reserved, self.peer_id = hello[20:28], hello[48:]
        return hello

    def receive(self):
        """The next message: (kind, payload). Keep-alives are skipped."""
        while True:
            n = struct.unpack(">I", self.take(4))[0]
            if n:
                body = self.take(n)
                return body[0], body[1:]

    def receive_until(self, *kinds):
        """The next message of one of KINDS; others are skipped."""
        while True:
            kind, payload = self.receive()
            if kind in kinds:
                return kind, payload

    def is_closed_within(self, seconds):
        """Whether the other end closes the connection; what it sends before is skipped."""
        self.sock.settimeout(seconds)
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                if not self.sock.recv(1 << 16):
                    return True
        except ConnectionError:
            return True
        except TimeoutError:
            pass
        return False

    def close(self):
        self.sock.close()


def greets(host, port, torrent):
    """Whether a client there completes a handshake for TORRENT: it may listen before it has opened
    the torrent."""
    try:
        wire = Wire.dial(host, port, 2)
    except OSError:
        return False
    try:
        return bool(wire.shake(torrent.info_hash))
    except OSError:
        return False
    finally:
        wire.close()


class BarePeer:
    """Listens on HOST and serves TORRENT to everyone.

    has     the pieces it offers (all when None)
    lies    the pieces whose blocks it falsifies ("all" for every one)
    rate    bytes per second over all connections, or None
    fast    speaks the Fast extension
    peer_id of all its connections (a random one for each when None)
    """

    def __init__(self, torrent, host="127.0.0.1", has=None, lies=(), rate=None, fast=False,
                 peer_id=None):
        self.torrent, self.fast, self.rate, self.peer_id = torrent, fast, rate, peer_id
        self.has = set(range(torrent.n_pieces)) if has is None else set(has)
        self.lies = set(range(torrent.n_pieces)) if lies == "all" else set(lies)
        self.served = 0  # content bytes sent
        self.requests = []  # (piece, begin, length)
        self.haves = []  # (monotonic time, piece)
        self.n_connections = 0
        self.open = set()
        self.lock = threading.Lock()
        self.next_free = 0.0
        self.closing = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family, backlog=64)
        self.host, self.port = host, self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    @property
    def address(self):
        return self.host, self.port

    def accept(self):
        while not self.closing.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.begin(sock)

    def dial(self, port):
        """Connects to a client on PORT itself."""
        self.begin(socket.create_connection(("127.0.0.1", port), 10, (self.host, 0)))

    def begin(self, sock):
        with self.lock:
            self.n_connections += 1
            self.open.add(sock)
        thread = threading.Thread(target=self.talk, args=(sock,), daemon=True)
        self.threads.append(thread)
        thread.start()

    def talk(self, sock):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.serve(Wire(sock))
        except OSError:
            pass
        finally:
            with self.lock:
                self.open.discard(sock)
            sock.close()

    def serve(self, wire):
        torrent = self.torrent
        wire.shake(torrent.info_hash, self.fast, self.peer_id)
        both_fast = self.fast and wire.reserved[7] & FAST_BIT
        if len(self.has) == torrent.n_pieces and both_fast:
            wire.send(message(HAVE_ALL))
        elif not self.has and both_fast:
            wire.send(message(HAVE_NONE))
        elif self.has:
            wire.send(message(BITFIELD, bitfield(torrent.n_pieces, self.has)))
        wire.send(message(UNCHOKE))
        while True:
            kind, payload = wire.receive()
            if kind == HAVE:
                self.haves.append((time.monotonic(), struct.unpack(">I", payload)[0]))
            elif kind == REQUEST:
                self.answer(wire, *struct.unpack(">III", payload))

    def answer(self, wire, piece, begin, length):
        with self.lock:
            self.requests.append((piece, begin, length))
        assert length <= BLOCK, f"a request for {length} bytes"
        block = self.torrent.piece(piece)[begin:begin + length]
        assert piece in self.has and len(block) == length, "a request for what is not there"
        if piece in self.lies:
            block = bytes([block[0] ^ 1]) + block[1:]
        self.wait_turn(length)
        wire.send(message(PIECE, struct.pack(">II", piece, begin) + block))
        with self.lock:
            self.served += length

    def wait_turn(self, n_bytes):
        if not self.rate:
            return
        with self.lock:
            now = time.monotonic()
            turn = max(self.next_free, now)
            self.next_free = turn + n_bytes / self.rate
        self.closing.wait(turn - now)

    def hang_up(self):
        """Closes the open connections; it continues to listen."""
        with self.lock:
            for sock in self.open:
                sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        if self.closing.is_set():
            return
        self.closing.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        try:
            self.hang_up()
        except OSError:
            pass
        for thread in self.threads:
            thread.join(5)
