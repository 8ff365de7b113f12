#!/usr/bin/env bash
# What the thesis's six models and ours cost at 640x480 (thesis Tables 14, 15): results/profile.json, and
# the table of docs/thesis.md from it. Needs no data; an idle machine, or the times mean nothing.
# Time: about 6 minutes on two idle cores.
#     bash runs/profile.sh [--threads N] [--runs N] [--device cuda] [--precision bf16]
set -euo pipefail
cd "$(dirname "$0")/.."
encodepth=${ENCODEPTH:-.venv/bin/encodepth}
"$encodepth" profile thesis rgb-attn-light base --json "$@" >results/profile.json.tmp
mv results/profile.json.tmp results/profile.json
"$(dirname "$encodepth")/python" runs/profile_table.py results/profile.json docs/thesis.md
