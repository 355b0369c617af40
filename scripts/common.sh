# SPDX-License-Identifier: MIT
#
# Sourced by the other scripts: the folder of the repository, installing packages, building.
# shellcheck shell=bash disable=SC2034
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD_PACKAGES=(gcc libc6-dev pkg-config meson ninja-build liburcu-dev libssl-dev
    libcurl4-openssl-dev libmicrohttpd-dev libjansson-dev)

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# install_missing PACKAGE...: installs those that are missing, by apt.
install_missing() {
    local missing=() as_root=() package log
    command -v dpkg-query > /dev/null || return 0 # not Debian: meson names missing packages
    for package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo > /dev/null ||
            die "cannot install packages without root or sudo: ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    log=$(mktemp)
    if ! { "${as_root[@]}" apt-get -qq update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
            --no-install-recommends install "${missing[@]}"; } < /dev/null > "$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "apt could not install the missing packages"
    fi
    rm -f "$log"
}

# build_release FOLDER: builds the program as users do. Prints the output only of a failed build.
build_release() {
    local folder=$1 log
    log=$(mktemp)
    [ -x "$folder/conjure" ] || say "building conjure"
    if [ ! -f "$folder/build.ninja" ] && ! meson setup "$folder" "$ROOT" > "$log" 2>&1 ||
        ! ninja -C "$folder" conjure > "$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "the build failed"
    fi
    rm -f "$log"
}
