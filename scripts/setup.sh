#!/usr/bin/env bash
# Installs what the build needs and is missing, and the programs that are named. Says what it does; does nothing when
# all is there.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }

missing=()
have cmake || missing+=(cmake)
have ninja || missing+=(ninja-build)
have clang || missing+=(clang)
have g++ || have c++ || missing+=(g++)
have git || missing+=(git)
have python3 || missing+=(python3)
compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null || compgen -G '/usr/lib/*/libclang*.so*' >/dev/null ||
  [ -n "${LIBCLANG_PATH:-}" ] || [ "$(uname)" = Darwin ] || missing+=(libclang-dev)

# `brisk verify` runs checks in it; the tests of that say what they skip without it.
[ "$(uname)" = Darwin ] || have bwrap || missing+=(bubblewrap)

for more in "$@"; do have "$more" || missing+=("$more"); done

if [ "$(uname)" = Darwin ]; then
  missing=("${missing[@]/ninja-build/ninja}")
  missing=("${missing[@]/clang/llvm}")
fi

if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing ${missing[*]}"
  root=()
  [ "$(id -u)" = 0 ] || root=(sudo)
  if have apt-get; then
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq "${missing[@]}" >/dev/null
  elif have brew; then
    brew install "${missing[@]}"
  elif have dnf; then
    "${root[@]}" dnf install -y "${missing[@]/libclang-dev/clang-devel}"
  elif have pacman; then
    "${root[@]}" pacman -S --noconfirm --needed "${missing[@]//-build/}"
  else
    echo "setup: no package manager that I know; install these yourself: ${missing[*]}" >&2
    exit 1
  fi
fi

if ! have cargo; then
  echo "setup: there is no Rust toolchain; install one from https://rustup.rs and run this again" >&2
  exit 1
fi
