#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A seeding daemon on libtorrent-rasterbar: all torrents of a folder, with resume data.

usage: lt_daemon.py LISTEN TORRENTS FOLDER STATE
Runs until SIGTERM. If there is no resume data in STATE, says "all is checked" when it is, and writes some
at the end.
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
ON_FIRST_CHECK = {"alert_mask": SETTINGS["alert_mask"] | libtorrent.alert.category_t.status_notification}


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


def see_checked(session, n_left):
    """Waits until N_LEFT torrents are checked, or for a signal to end."""
    while n_left:
        session.wait_for_alert(200)
        n_left -= sum(isinstance(a, libtorrent.torrent_checked_alert) for a in session.pop_alerts())
        if signal.sigpending():
            return
    print("all is checked", flush=True)


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
    known = any(state.glob("*.fastresume"))
    paths = sorted(torrents.iterdir())
    session = libtorrent.session({**SETTINGS, **({} if known else ON_FIRST_CHECK), "listen_interfaces": listen})
    for path in paths:
        add(session, path, folder, state)
    if not known:
        see_checked(session, len(paths))
    signal.sigwait({signal.SIGTERM})
    if not known:
        save(session, state)
    session.pause()


if __name__ == "__main__":
    sys.exit(main())
