#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A seeding daemon on libtorrent-rasterbar: all torrents of a folder, with resume data.

usage: lt_daemon.py LISTEN TORRENTS FOLDER STATE
Runs until SIGTERM; then it writes resume data to STATE, if none is there.
"""
import pathlib
import signal
import sys

import libtorrent

SETTINGS = {
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_incoming_utp": False, "enable_outgoing_utp": False, "active_limit": -1,
    "in_enc_policy": 2, "out_enc_policy": 2,  # plaintext only
    "allow_multiple_connections_per_ip": True, "unchoke_slots_limit": 1000,
    "connections_limit": 2000, "ssrf_mitigation": False, "alert_mask": libtorrent.alert.category_t.storage_notification,
    "alert_queue_size": 100000,
}


def add(session, path, folder, state):
    resume = state / f"{path.stem}.fastresume"
    if resume.exists():
        params = libtorrent.read_resume_data(resume.read_bytes())
    else:
        params = libtorrent.add_torrent_params()
    params.ti = libtorrent.torrent_info(str(path))
    params.save_path = str(folder)
    params.flags &= ~(libtorrent.torrent_flags.auto_managed | libtorrent.torrent_flags.paused)
    session.async_add_torrent(params)


def save(session, state):
    handles = session.get_torrents()
    for handle in handles:
        handle.save_resume_data()
    left = len(handles)
    while left:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            if isinstance(alert, libtorrent.save_resume_data_alert):
                name = alert.handle.torrent_file().name()
                (state / f"{name}.fastresume").write_bytes(
                    libtorrent.write_resume_data_buf(alert.params))
                left -= 1
            elif isinstance(alert, libtorrent.save_resume_data_failed_alert):
                left -= 1


def main():
    listen, torrents, folder, state = sys.argv[1], *map(pathlib.Path, sys.argv[2:])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    session = libtorrent.session({**SETTINGS, "listen_interfaces": listen})
    known = any(state.glob("*.fastresume"))
    for path in sorted(torrents.iterdir()):
        add(session, path, folder, state)
    signal.sigwait({signal.SIGTERM})
    if not known:
        save(session, state)
    session.pause()


if __name__ == "__main__":
    sys.exit(main())
