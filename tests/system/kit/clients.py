# SPDX-License-Identifier: MIT
"""Other clients, as packaged by Debian, each with one torrent and one port."""
import json
import pathlib

HERE = pathlib.Path(__file__).parent
CLIENTS = ("libtorrent", "transmission", "aria2", "rtorrent")


def start_client(world, name, mode, torrent, folder, side, port, up=None):
    """Starts client NAME on SIDE, as MODE: "seed" (FOLDER holds the content) or "leech". UP: of
    libtorrent, the bytes per second that it uploads at most."""
    home = world.folder / f"home-{name}-{mode}-{port}"
    home.mkdir()
    return world.start(f"{name}-{mode}", [*ARGUMENTS[name](mode, torrent, folder, side, port, home),
                                      *(["--up", up] if up else [])],
                       env={"HOME": str(home)}, side=side)


def libtorrent(mode, torrent, folder, side, port, home):
    return ["/usr/bin/python3", HERE.parent / "lt_node.py", mode, torrent.path, folder,
            f"{side.ip}:{port}"]


def transmission(mode, torrent, folder, side, port, home):
    (home / "settings.json").write_text(json.dumps({
        "bind-address-ipv4": side.ip, "dht-enabled": False, "lpd-enabled": False,
        "pex-enabled": False, "utp-enabled": False, "port-forwarding-enabled": False,
        "encryption": 0, "speed-limit-up-enabled": False, "speed-limit-down-enabled": False}))
    return ["transmission-cli", "-g", home, "-w", folder, "-p", port, "-D", "-U", "-M", "-et",
            torrent.path]


def aria2(mode, torrent, folder, side, port, home):
    seed = ["--check-integrity=true", "--seed-ratio=0.0"]
    # aria2 announces to UDP trackers only with its DHT on; in a namespace the DHT finds no node.
    return ["aria2c", "--no-conf=true", "--enable-dht=true", f"--dht-listen-port={port}",
            f"--dht-file-path={home}/dht", "--enable-dht6=false", "--disable-ipv6=true",
            "--show-console-readout=false", "--summary-interval=0",
            "--bt-enable-lpd=false", "--enable-peer-exchange=false", f"--listen-port={port}",
            f"--interface={side.ip}", "--file-allocation=none", f"--dir={folder}",
            *(seed if mode == "seed" else ["--seed-time=0"]), torrent.path]


def rtorrent(mode, torrent, folder, side, port, home):
    (home / "session").mkdir()
    config = home / "rc"
    config.write_text(f"""directory.default.set = {folder}
session.path.set = {home}/session
network.port_range.set = {port}-{port}
network.bind_address.set = {side.ip}
dht.mode.set = disable
protocol.pex.set = no
protocol.encryption.set = none
trackers.use_udp.set = yes
system.daemon.set = true
load.start = {torrent.path}
""")
    return ["rtorrent", "-n", "-o", f"import={config}"]


ARGUMENTS = {"libtorrent": libtorrent, "transmission": transmission, "aria2": aria2,
             "rtorrent": rtorrent}
