#!/bin/sh
# Measures this machine's GPU and writes espalier-gpu.json: ./gpu.sh [--quick] [--json file]
exec sh "$(dirname "$(readlink -f "$0")")/lib/start.sh" gpu "$0" "$@"
