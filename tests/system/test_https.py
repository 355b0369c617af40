# SPDX-License-Identifier: MIT
"""Trackers behind TLS, redirects and compression. conjure trusts the system's certificate
authorities, so each run has a mount namespace in which the test's own authority is the only one."""
import gzip
import signal
import socket
import ssl
import subprocess
import urllib.parse

import pytest

from conftest import CONJURE
from kit import content
from kit.content import KIB, MIB
from kit.net import free_port
from kit.trackers import FixedTracker

SYSTEM_TRUST = "/etc/ssl/certs/ca-certificates.crt"
WITH_TRUST = f'mount --bind "$0" {SYSTEM_TRUST} && exec "$@"'
OPENSSL_CONFIG = """[req]
distinguished_name = name
prompt = no
[name]
CN = conjure test
[authority]
basicConstraints = critical, CA:TRUE
[ours]
subjectAltName = IP:127.0.0.1
[other]
subjectAltName = DNS:tracker.example
"""


class Authority:
    """Signs certificates; its own is `trust`."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "config").write_text(OPENSSL_CONFIG)
        self.trust, self.key = self.make("authority")

    def make(self, extensions, *options):
        certificate, key = (self.folder / f"{extensions}.{end}" for end in ("pem", "key"))
        subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "2",
                        "-config", self.folder / "config", "-extensions", extensions,
                        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-keyout", key, "-out", certificate, *options],
                       check=True, capture_output=True)
        return certificate, key

    def sign(self, extensions):
        """A certificate and its key, for 127.0.0.1 ("ours") or for elsewhere ("other")."""
        return self.make(extensions, "-CA", self.trust, "-CAkey", self.key)


class TlsTracker(FixedTracker):
    def __init__(self, certificate, key, **options):
        super().__init__(**options)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        # The connection's own thread does the handshake: a client that never does must not stop others.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)

    def url(self):
        return super().url().replace("http:", "https:")


@pytest.fixture
def authority(world):
    return Authority(world.folder / "authority")


@pytest.fixture
def secure(world, authority):
    """A tracker with a valid certificate."""
    return world.closing(TlsTracker(*authority.sign("ours")))


def download(world, authority, torrent, out):
    """Starts conjure in a mount namespace where AUTHORITY is the only trusted one."""
    args = [CONJURE, "-o", out, "-p", free_port(), torrent.path]
    return world.start("conjure",
                       ["unshare", "-m", "sh", "-c", WITH_TRUST, authority.trust, *args],
                       env=world.environment("conjure"))


def seeder_of(world, torrent):
    """The address of a conjure that seeds TORRENT without a tracker."""
    quiet = content.make_torrent(torrent.source, torrent.name, world.folder / "quiet.torrent", [],
                                 piece_length=torrent.piece_length)
    return "127.0.0.1", world.seed(quiet).port


def expect_refusal(world, authority, torrent, out, *words):
    """conjure must log a warning about its tracker with WORDS, without -v, and run on."""
    program = download(world, authority, torrent, out)

    def warning():
        lines = [line for line in program.log().splitlines() if "tracker 127.0.0.1: " in line]
        return lines[0] if lines else None
    line = program.wait_until(warning, 10, "a warning that names the tracker")
    assert all(word in line for word in words), line
    program.signal(signal.SIGINT)
    program.expect_exit(7, 10)
    assert not torrent.intact(out)


def redirect_to(url, with_query=True):
    """A reply that redirects to URL."""
    def answer(query):
        asked = "?" + urllib.parse.urlencode(query, encoding="latin-1") if with_query else ""
        return 302, b"", {"Location": url + asked}
    return answer


def test_a_download_through_an_https_tracker(world, out, authority, secure):
    torrent = world.torrent(secure.url(), n_bytes=2 * MIB)
    secure.peers = [seeder_of(world, torrent)]
    download(world, authority, torrent, out).expect_exit(0, 20)
    assert torrent.is_in(out)
    assert [e for e in secure.events() if e] == ["started", "completed", "stopped"]


@pytest.mark.parametrize("fault", ("signed by a stranger", "made out to another host"))
def test_a_tracker_with_an_invalid_certificate_gets_no_announce(world, out, authority, fault):
    if fault == "signed by a stranger":
        proof = Authority(world.folder / "stranger").sign("ours")
    else:
        proof = authority.sign("other")
    tracker = world.closing(TlsTracker(*proof))
    torrent = world.torrent(tracker.url(), n_bytes=MIB)
    tracker.peers = [world.peer(torrent).address]
    expect_refusal(world, authority, torrent, out, "certificate")
    assert not tracker.queries


def test_a_redirect_from_http_to_https_is_followed(world, out, authority, secure):
    plain = world.tracker(answer=redirect_to(secure.url()))
    torrent = world.torrent(plain.url(), n_bytes=MIB)
    secure.peers = [world.peer(torrent).address]
    download(world, authority, torrent, out).expect_exit(0, 20)
    assert torrent.is_in(out)
    assert [e for e in secure.events() if e] == ["started", "completed", "stopped"]


def test_a_circle_of_redirects_ends(world, out, authority):
    tracker = world.tracker()
    tracker.answer = redirect_to(tracker.url())
    torrent = world.torrent(tracker.url(), n_bytes=MIB)
    expect_refusal(world, authority, torrent, out, "redirect")
    started = tracker.events().count("started")
    assert 1 < started <= 6


def test_a_redirect_to_a_file_is_refused(world, out, authority):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=MIB)
    peer = world.peer(torrent)
    tracker.peers = [peer.address]
    reply = world.folder / "reply"  # as good as a tracker's, if it were read
    reply.write_bytes(tracker.usual_answer({}))
    tracker.answer = redirect_to(f"file://{reply}", with_query=False)
    expect_refusal(world, authority, torrent, out, "file")
    assert peer.n_connections == 0


def test_a_redirect_to_ftp_is_refused(world, out, authority):
    with socket.create_server(("127.0.0.1", 0)) as ftp:
        tracker = world.tracker(
            answer=redirect_to(f"ftp://127.0.0.1:{ftp.getsockname()[1]}/announce"))
        torrent = world.torrent(tracker.url(), n_bytes=MIB)
        expect_refusal(world, authority, torrent, out, "ftp")
        ftp.setblocking(False)
        with pytest.raises(BlockingIOError):
            ftp.accept()


def test_a_compressed_reply_is_decoded(world, out, authority, secure):
    torrent = world.torrent(secure.url(), n_bytes=MIB, piece_length=64 * KIB)
    secure.peers = [seeder_of(world, torrent)]
    secure.answer = lambda query: (200, gzip.compress(secure.usual_answer(query)),
                                   {"Content-Encoding": "gzip"})
    download(world, authority, torrent, out).expect_exit(0, 20)
    assert torrent.is_in(out)


def test_a_redirect_from_https_down_to_http_is_refused(world, out, authority, secure):
    plain = world.tracker()
    torrent = world.torrent(secure.url(), n_bytes=MIB)
    plain.peers = [world.peer(torrent).address]
    secure.answer = redirect_to(plain.url())
    expect_refusal(world, authority, torrent, out, "http")
    assert not plain.queries
