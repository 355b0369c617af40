#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A file system whose disk is slow: shows FOLDER at MOUNT, read-only, and every read that the page cache does
not answer takes DELAY_MS longer while the file SWITCH exists. Says "slow" as such a read begins.

usage: slowfs.py FOLDER MOUNT SWITCH DELAY_MS         (Debian: python3-fusepy)
"""
import errno
import os
import sys
import time

import fusepy


class Slow(fusepy.Operations):
    def __init__(self, folder, switch, delay):
        self.folder, self.switch, self.delay = folder, switch, delay

    def path(self, path):
        return os.path.join(self.folder, path.lstrip("/"))

    def getattr(self, path, fh=None):
        try:
            found = os.lstat(self.path(path))
        except OSError:
            raise fusepy.FuseOSError(errno.ENOENT) from None
        return {k: getattr(found, k) for k in ("st_mode", "st_size", "st_mtime", "st_nlink",
                                               "st_uid", "st_gid", "st_atime", "st_ctime")}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.path(path))]

    def open(self, path, flags):
        return os.open(self.path(path), os.O_RDONLY)

    def read(self, path, size, offset, fh):
        if os.path.exists(self.switch):
            print("slow", flush=True)
            time.sleep(self.delay)  # this is what it is for
        return os.pread(fh, size, offset)

    def release(self, path, fh):
        os.close(fh)


if __name__ == "__main__":
    fusepy.FUSE(Slow(sys.argv[1], sys.argv[3], float(sys.argv[4]) / 1000), sys.argv[2],
                foreground=True, ro=True, kernel_cache=True)
