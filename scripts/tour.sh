#!/usr/bin/env bash
# A walk through the live client in tmux: real keys into the built `brisk`, against a model that says what this script
# tells it to, and nothing of yours touched. At the end the terminal's whole scrollback is compared with what it must be.
# Usage: scripts/tour.sh [BRISK [FAKE_MODEL]], by default those of a debug build.
set -euo pipefail
cd "$(dirname "$0")/.."
built=${CARGO_TARGET_DIR:-target}/debug
brisk=$(realpath "${1:-$built/brisk}")
fake=$(realpath "${2:-$built/brisk-fake-model}")
command -v tmux >/dev/null || { echo "tour: tmux is not here; install it to take the tour" >&2; exit 1; }
[ -x "$brisk" ] && [ -x "$fake" ] ||
  { echo "tour: build first: cargo build -p brisk && cargo build -p brisk-testkit --bins" >&2; exit 1; }

# ---- A home, a copy of the example, a model and a tmux server of its own. All of it goes at the end.

place=$(mktemp -d)
export BRISK_HOME=$place/home TMUX_TMPDIR=$place
shop=$place/shop/shop.py
tmux() { command tmux -L tour -f /dev/null "$@"; }

finish() {
  tmux kill-server 2>/dev/null || true
  "$brisk" daemon stop >/dev/null 2>&1 || true
  [ -z "${model:-}" ] || kill "$model" 2>/dev/null || true
  rm -rf "$place"
}
trap finish EXIT

mkdir -p "$BRISK_HOME" "$place/shop"
cp examples/shop/shop.py "$shop"
git init -q "$place/shop"

# What the model answers, turn by turn. At a gate it waits until the tour says `open NAME`; `never` is not opened.
cat >"$place/script.json" <<'JSON'
{"replies": [
  {"acts": [
    {"act": "text", "text": "def subtotal(items):\n    \"\"\"Sum of the prices of all items.\"\"\"\n    total = 0\n    for item in items:\n        total += item[\"price\"] * item[\"quantity\"]\n"},
    {"act": "gate", "name": "rest"},
    {"act": "text", "text": "    return total\n"},
    {"act": "finish", "reason": "stop"}, {"act": "done"}]},
  {"acts": [
    {"act": "text", "text": "def receipt(items):\n    \"\"\"One line an item, then the total.\"\"\"\n    lines = [f\"{item['quantity']} {item['name']:<12}{item['price']:>8.2f}\" for item in items]\n    lines.append(f\"{'total':<12}{with_tax(subtotal(items)):>8.2f}\")\n    return \"\\n\".join(lines) + \"\\n\"\n"},
    {"act": "finish", "reason": "stop"}, {"act": "done"}]},
  {"acts": [
    {"act": "text", "text": "def subtotal(items):\n    \"\"\"Sum of the prices of all items.\"\"\"\n    total = 0.0\n"},
    {"act": "gate", "name": "never"}]},
  {"acts": [
    {"act": "text", "text": "def subtotal(items):\n    \"\"\"Sum of the prices of all items.\"\"\"\n    total = 0\n    for item in items:\n        total += item[\"price\"] * item[\"quantity\"]\n    return round(total, 2)\n"},
    {"act": "finish", "reason": "stop"}, {"act": "done"}]},
  {"acts": [
    {"act": "text", "text": "def with_tax(amount, rate=0.25):\n"},
    {"act": "gate", "name": "never"}]},
  {"acts": [
    {"act": "text", "text": "def with_tax(amount, rate=0.2):\n    \"\"\"The amount with tax.\"\"\"\n    return round(amount * (1 + rate), 2)  # to the cent, as it is printed and as it is paid\n"},
    {"act": "gate", "name": "narrow"},
    {"act": "finish", "reason": "stop"}, {"act": "done"}]},
  {"acts": [
    {"act": "text", "text": "def receipt(items, currency=\"EUR\"):\n"},
    {"act": "gate", "name": "never"}]},
  {"acts": [
    {"act": "text", "text": "def receipt(items):\n    \"\"\"One line an item, then what is to be paid.\"\"\"\n    lines = [f\"{item['quantity']} {item['name']:<12}{item['price']:>8.2f}\" for item in items]\n    lines.append(f\"{'total':<12}{with_tax(subtotal(items)):>8.2f}\")\n    return \"\\n\".join(lines)\n"},
    {"act": "finish", "reason": "stop"}, {"act": "done"}]}
]}
JSON
mkfifo "$place/gates"
: >"$place/notes"
"$fake" "$place/script.json" <>"$place/gates" >"$place/notes" &
model=$!

# ---- What a person does, and what they look at.

open() { echo "open $1" >"$place/gates"; }
keys() { tmux send-keys "$@"; }     # keys by their names
text() { tmux send-keys -l "$1"; }  # letters
screen() { tmux capture-pane -p; }
scrollback() { tmux capture-pane -pJ -S - | sed 's/ *$//' | cat -s; }
fail() {
  { echo "tour: $1; the screen:"; screen; } >&2
  exit 1
}
until_() { # WHAT COMMAND...: until the command is content, half a minute at most
  local what=$1 end=$((SECONDS + 30))
  shift
  until "$@"; do
    ((SECONDS < end)) || fail "$what did not come"
    sleep 0.05
  done
}
on_screen() { screen | grep -qF -- "$1"; }
shows() { until_ "'$1'" on_screen "$1"; }
last_row_is() { screen | grep -v '^ *$' | tail -n 1 | grep -q -- "^$1"; }
state() { until_ "the state '$1'" last_row_is "$1"; } # the first words of the last row
file_has() { grep -qF -- "$1" "$shop" || fail "the file has no '$1'"; }
file_lacks() { ! grep -qF -- "$1" "$shop" || fail "the file has '$1' already"; }
step() { echo "tour: $*"; }

until_ "the model" grep -q listening "$place/notes"
cat >"$BRISK_HOME/config.toml" <<TOML
[models.fake]
base_url = "$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$place/notes")/v1"
model = "fake"
format = "region"
prefill = true
[daemon]
idle_s = 60
TOML

# ---- The tour.

tmux new-session -d -x 110 -y 30 -c "$place/shop" "'$brisk'; echo brisk ended with \$?; exec cat"
state ready

step "an edit streams; nothing is written before it is kept"
text "@shop.py:subtotal multiply by the quantity"
keys Enter
shows '+        total += item["price"] * item["quantity"]'
state writing
file_lacks quantity
open rest
state "1 hunk on offer"
file_lacks quantity
keys Enter
state ready
file_has 'item["price"] * item["quantity"]'

step "one of two hunks is rejected"
text "@shop.py:receipt show quantities, end with a line break"
keys Enter
state "2 hunks on offer"
keys j
keys n
state "1 hunk on offer"
keys y
state ready
file_has "{item['quantity']}"
file_lacks 'join(lines) + "\n"'

step "a prompt during the stream redirects it"
text "@shop.py:subtotal make it right"
keys Enter
state writing
text "no, only round to cents"
keys Enter
state "1 hunk on offer"
keys Enter
state ready
file_has "return round(total, 2)"

step "undo and redo"
keys u
shows "undone: "
file_lacks "return round(total, 2)"
keys r
shows "redone: "
file_has "return round(total, 2)"

step "Esc stops, and what was half written is dropped"
text "@shop.py:with_tax another rate"
keys Enter
state writing
keys Escape
shows stopped
state ready
file_lacks 0.25

step "the window shrinks to sixty columns while a line of ninety streams"
text "@shop.py:with_tax round to cents"
keys Enter
shows "as it is paid"
tmux resize-window -x 60 -y 24
open narrow
state "1 hunk on offer"
keys Enter
state ready
file_has "as it is paid"

step "the daemon is killed in the middle of a turn; its prompt comes back and Enter sends it again"
text "@shop.py:receipt say what is paid"
keys Enter
state writing
kill -KILL "$("$brisk" daemon status --json | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')"
shows "connected again"
shows "> @shop.py:receipt say what is paid"
state ready
keys Enter
state "1 hunk on offer"
keys Enter
state ready
file_has "then what is to be paid"

step "back to a wide window, and out"
tmux resize-window -x 110 -y 30
state ready
keys C-d
shows "brisk ended with 0"

step "the scrollback holds every patch once, whole, and no row of the pane"
diff -u scripts/tour.txt <(echo "$(scrollback)") || fail "the scrollback is not as it must be (+ is what is there)"
echo "tour: all of it was as it must be"
