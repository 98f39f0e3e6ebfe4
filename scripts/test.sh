#!/usr/bin/env bash
# Every test that can be run here; what is left out is said, with the reason.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

left_out=()
if [ "$(uname)" = Linux ] && ! bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev true 2>/dev/null; then
  echo "test: no sandbox can be made here (bubblewrap, or the right to make user namespaces, is missing):"
  echo "test: the tests of verify, ship and delegate are left out"
  left_out=(-E 'not (binary(gate) | binary(jobs))')
fi

echo "test: unit, property, golden and end-to-end tests"
if command -v cargo-nextest >/dev/null 2>&1; then
  "$cargo" nextest run --workspace --locked ${left_out[@]+"${left_out[@]}"}
else
  "$cargo" test --workspace --locked --lib --bins --tests
fi

if command -v tmux >/dev/null 2>&1; then
  echo "test: a tour of the live client in tmux"
  "$cargo" build --locked --quiet --package brisk-testkit --bins
  scripts/tour.sh
else
  echo "test: tmux is not here, so the tour of the live client is left out"
fi

echo "test: examples in the documentation"
"$cargo" test --workspace --locked --doc --quiet
