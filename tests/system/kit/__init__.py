# SPDX-License-Identifier: MIT
"""Tools of the system tests: content, torrents, trackers, other clients, a bare peer."""
