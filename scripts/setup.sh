#!/bin/sh
# Installs what is missing to build (and, with `check`, to check) the project. Asks nothing.
set -eu

wanted=${1:-build}
PATH="$HOME/.cargo/bin:$PATH"
# The oldest compiler that builds the project, as in Cargo.toml.
oldest=1.90

say() { printf 'setup: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; elif have sudo; then sudo -n "$@"; else
        say "cannot install packages: neither root nor sudo. Please install: $*"
        exit 1
    fi
}

install_packages() { # Debian names; the others' names for the same things are close enough to list.
    if have apt-get; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
            gcc libc6-dev make pkg-config curl ca-certificates clang libelf-dev zlib1g-dev >/dev/null
    elif have dnf; then as_root dnf -q install -y gcc glibc-devel make pkgconf curl clang elfutils-libelf-devel zlib-devel
    elif have zypper; then as_root zypper -q install -y gcc glibc-devel make pkgconf curl clang libelf-devel zlib-devel
    elif have pacman; then as_root pacman -S --noconfirm --needed gcc make pkgconf curl clang libelf zlib
    elif have apk; then as_root apk add -q build-base pkgconf curl clang elfutils-dev zlib-dev
    else
        say "no known package manager. Please install a C compiler, clang, libelf, zlib, make and curl."
        exit 1
    fi
}

# clang compiles the programs that run in the kernel; the library that loads them needs libelf and zlib.
have_clang() {
    have clang || have clang-19 || have clang-18 || have clang-17 || have clang-16 || have clang-15 || have clang-14
}
have_library() { # a header that the C compiler finds
    printf '#include <%s>\n' "$1" | cc -E - >/dev/null 2>&1
}

if ! have cc || ! have_clang || ! have_library libelf.h || ! have_library zlib.h ||
    { ! have cargo && ! have curl; }; then
    say "installing compilers and libraries"
    install_packages
fi

new_enough() { # cargo's version is at least $oldest
    version=$(cargo --version 2>/dev/null | cut -d' ' -f2)
    [ "$(printf '%s\n%s\n' "$oldest" "$version" | sort -V | head -n 1)" = "$oldest" ]
}

if ! have cargo || ! new_enough; then
    if have rustup; then
        say "updating Rust"
        rustup -q update stable
    else
        say "installing Rust for this user (rustup)"
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
            sh -s -- -q -y --profile minimal --component clippy --component rustfmt
    fi
fi

if [ "$wanted" = check ] && ! have cargo-deny; then
    say "installing cargo-deny"
    # Not optimised: it runs for a second and would be built for minutes.
    cargo install --quiet --locked --debug cargo-deny
fi
