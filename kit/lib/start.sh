#!/bin/sh
# Starts lib/<module>.mjs on Node: start.sh <module> <name of the command> [words]

lib=$(dirname "$(readlink -f "$0")")
module=$1
ESPALIER_PROGRAM=$2
export ESPALIER_PROGRAM
shift 2

fail() {
  echo "$*" >&2
  exit 1
}

node=${ESPALIER_NODE:-node}
needs="Espalier needs Node 20.19 or newer: install it from https://nodejs.org or with the package \
manager, or name the program with ESPALIER_NODE=/path/to/node."

[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] ||
  fail "This kit runs on Linux x86_64, and this machine is $(uname -s) $(uname -m). Elsewhere, run Espalier from its repository."
command -v "$node" >/dev/null 2>&1 || fail "There is no $node on this machine. $needs"
"$node" -e 'const [a, b] = process.versions.node.split(".").map(Number);
process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "$node is Node $("$node" -p process.versions.node 2>/dev/null || echo "of an unknown version"). $needs"

if [ -e "$lib/packed.json" ]; then
  "$node" "$lib/unpack.mjs" || exit 1
fi
exec "$node" "$lib/$module.mjs" "$@"
