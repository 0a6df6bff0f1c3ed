#!/bin/sh
# Makes the corpora to begin with. Everything in them is of our own making.
set -eu
cd "$(dirname "$0")"
cargo run --quiet --example seeds -- corpus
