#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A node of libtorrent-rasterbar (python3-libtorrent): seeds, or downloads and then seeds.

usage: lt_node.py seed|leech TORRENT FOLDER LISTEN [--up BYTES_PER_S] [--peer IP:PORT]...
                  [--exit] [--recheck] [--gate FILE]
Prints "complete" when it has every piece; with --exit it then ends. --recheck: a seed checks its
content again, prints the duration, and ends. --gate: prints "ready" and waits until FILE exists, so
that a measurement leaves out the start of Python. SIGTERM, SIGINT: announces the stop, and ends.
"""
import argparse
import os
import signal
import sys
import time

import libtorrent

from kit.wait import wait_until

SETTINGS = {
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_incoming_utp": False, "enable_outgoing_utp": False,
    "in_enc_policy": 2, "out_enc_policy": 2,  # plaintext only
    "allow_multiple_connections_per_ip": True, "unchoke_slots_limit": 1000,
    "connections_limit": 50000, "max_peerlist_size": 0, "alert_mask": 0,
    "announce_to_all_trackers": True,
    "ssrf_mitigation": False, "min_announce_interval": 1,
}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("seed", "leech"))
    parser.add_argument("torrent")
    parser.add_argument("folder")
    parser.add_argument("listen")
    parser.add_argument("--up", type=int, default=0)
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--exit", action="store_true")
    parser.add_argument("--recheck", action="store_true")
    parser.add_argument("--gate")
    return parser.parse_args()


def wait_for(handle, true):
    while not true(handle.status()):
        time.sleep(0.01)  # the binding has no other way to wait that also sees the end of a check


def main():
    # sys.exit ends the session in order, so it announces to the tracker how much it sent.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
    options = arguments()
    session = libtorrent.session({**SETTINGS, "listen_interfaces": options.listen})
    params = libtorrent.add_torrent_params()
    params.ti = libtorrent.torrent_info(options.torrent)
    params.save_path = options.folder
    params.flags &= ~(libtorrent.torrent_flags.auto_managed | libtorrent.torrent_flags.paused)
    if options.mode == "seed":
        params.flags |= libtorrent.torrent_flags.seed_mode
    print("ready", flush=True)
    if options.gate:
        wait_until(lambda: os.path.exists(options.gate), 600, "the gate opens", every=0.005)
    handle = session.add_torrent(params)
    if options.up:
        handle.set_upload_limit(options.up)  # the session's own limit would spare local peers
    if options.recheck:
        wait_for(handle, lambda s: s.state == s.seeding)
        start = time.monotonic()
        handle.force_recheck()
        # In seed mode it seems complete until the check has begun.
        wait_for(handle, lambda s: not s.is_seeding)
        wait_for(handle, lambda s: s.is_seeding)
        print(f"rechecked in {time.monotonic() - start:.3f} s", flush=True)
        return
    for address in options.peer:
        host, port = address.rsplit(":", 1)
        handle.connect_peer((host, int(port)))
    wait_for(handle, lambda s: s.is_seeding)
    print("complete", flush=True)
    if not options.exit:
        wait_for(handle, lambda s: False)


if __name__ == "__main__":
    main()
