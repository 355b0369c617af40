# SPDX-License-Identifier: MIT
"""Peers, hosts and trackers that harm a swarm: our download goes on."""
from kit.barepeer import Wire


def test_a_squatter_under_the_peer_id_of_a_seed_does_not_keep_it_out(world, out):
    """It connects before the seed does, from another host, and stays idle."""
    peer_id = b"-BP0001-knowntoallof"
    squatters = []
    tracker = world.tracker()
    torrent = world.torrent(tracker.url())
    seed = world.peer(torrent, peer_id=peer_id)

    def answer(query):
        if not squatters:
            squatters.append(Wire.dial("127.0.0.1", int(query["port"]), source="127.0.0.9"))
            squatters[0].shake(torrent.info_hash, peer_id=peer_id)
            seed.dial(int(query["port"]))
        return tracker.usual_answer(query)

    tracker.answer = answer
    world.download(torrent, out).expect_exit(0, 15)
    assert squatters and torrent.is_in(out)
