# SPDX-License-Identifier: MIT
"""Trackers: Debian's opentracker, and a small one whose replies a test chooses."""
import http.client
import http.server
import ipaddress
import socket
import struct
import threading
import urllib.parse

from . import bencode
from .wait import wait_until


def compact(peers):
    """(IPv4 peers, IPv6 peers) as announces carry them (BEP 23, BEP 7)."""
    out = {4: b"", 6: b""}
    for host, port in peers:
        address = ipaddress.ip_address(host)
        out[address.version] += address.packed + struct.pack(">H", port)
    return out[4], out[6]


class OpenTracker:
    """opentracker as Debian builds it: serves the info-hashes of a whitelist only."""

    def __init__(self, world, side, torrents, port):
        self.side, self.port = side, port
        folder = world.folder / "opentracker"
        folder.mkdir()
        folder.chmod(0o755)
        (folder / "whitelist").write_text("".join(t.info_hash.hex() + "\n" for t in torrents))
        self.program = world.start(
            "opentracker", ["opentracker", "-i", side.ip, "-p", port, "-P", port, "-d", folder,
                            "-w", "whitelist"], side=side)  # read later, below -d and as nobody
        self.program.wait_until(lambda: all(map(self.serves, torrents)), 10, "opentracker serves")

    def url(self, scheme="http"):
        return f"{scheme}://{self.side.ip}:{self.port}/announce"

    def get(self, path):
        def ask():
            connection = http.client.HTTPConnection(self.side.ip, self.port, timeout=5)
            try:
                connection.request("GET", path)
                return connection.getresponse().read()
            finally:
                connection.close()
        return self.side.call(ask)

    def serves(self, torrent):
        """Whether it runs and has TORRENT in its whitelist."""
        try:
            reply = self.get("/announce?" + urllib.parse.urlencode(
                {"info_hash": torrent.info_hash, "peer_id": b"-XX0001-abcdefghijkl", "port": 1,
                 "left": 0, "uploaded": 0, "downloaded": 0, "compact": 1, "event": "stopped"}))
        except OSError:
            return False
        return b"failure reason" not in reply

    def scrape(self, torrent):
        """(seeders, leechers) by its scrape."""
        reply = self.get("/scrape?info_hash=" + urllib.parse.quote(torrent.info_hash, safe=""))
        files = bencode.decode(reply).get(b"files", {})
        found = files.get(torrent.info_hash, {})
        return found.get(b"complete", 0), found.get(b"incomplete", 0)

    def wait_for_seeder(self, torrent, seconds=60):
        wait_until(lambda: self.scrape(torrent)[0] > 0, seconds, "a seeder has announced itself",
                   every=0.05)


class FixedTracker:
    """Answers every HTTP announce with the same peers, or with what ANSWER(query) returns: bytes, or
    (status, bytes, headers), or None to close without a reply. Keeps the queries."""

    def __init__(self, peers=(), answer=None, host="127.0.0.1", interval=1800,
                 port=0):
        self.peers, self.interval = list(peers), interval
        self.answer = answer or self.usual_answer
        self.queries = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query,
                                              encoding="latin-1")
                outer.queries.append({k: v[0] for k, v in query.items()})
                answer = outer.answer(outer.queries[-1])
                if answer is None:
                    self.close_connection = True
                    return
                status, body, headers = answer if isinstance(answer, tuple) else (200, answer, {})
                try:
                    self.send_response(status)
                    for key, value in headers.items():
                        self.send_header(key, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.server = Server((host, port), Handler)
        self.host, self.port = host, self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def usual_answer(self, query):
        v4, v6 = compact(self.peers)
        return bencode.encode({"interval": self.interval, "complete": 1, "incomplete": 1,
                               "peers": v4, **({"peers6": v6} if v6 else {})})

    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/announce"

    def events(self):
        return [q.get("event", "") for q in self.queries]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class SilentTracker:
    """Accepts connections (TCP) and datagrams (UDP) on one port, and never replies."""

    def __init__(self):
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(type=socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))

    def url(self, scheme):
        return f"{scheme}://127.0.0.1:{self.port}/announce"

    def close(self):
        self.tcp.close()
        self.udp.close()

