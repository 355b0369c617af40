# SPDX-License-Identifier: MIT
"""What the system tests stand on: content, torrents, trackers, other clients, a bare peer."""
