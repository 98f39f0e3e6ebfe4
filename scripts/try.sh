#!/usr/bin/env bash
# A real edit by the embedded model in a copy of examples/shop, shown as it streams, kept, and left for you to look at.
set -euo pipefail
cd "$(dirname "$0")/.."
brisk=$PWD/target/release/brisk
place=$PWD/target/try/shop

if [ ! -d "$place/.git" ]; then
  mkdir -p "$place"
  git init -q "$place"
fi
cp examples/shop/shop.py "$place/shop.py"
cd "$place"

request="items have a quantity: multiply each price by item['quantity']"
echo
echo "try: in $place"
echo "try: brisk edit --yes \"$request\" shop.py:subtotal"
echo
"$brisk" edit --yes "$request" shop.py:subtotal

if cmp -s shop.py ../../../examples/shop/shop.py; then
  echo "try: the file is unchanged; the model did not manage this edit" >&2
  exit 1
fi
python3 - <<'PY'
import shop
got = shop.subtotal([{"price": 2, "quantity": 3}, {"price": 1, "quantity": 1}])
print(f"try: two things at 3 x 2 and 1 x 1 now cost {got}")
assert got == 7, got
PY
echo "try: now take it back with \`$brisk undo\`, or try your own: cd $place && $brisk edit \"...\" shop.py"
