#!/bin/sh
# Thesis section 5.4, finished: depth as a jet, turbo or hue picture against depth as depth.
# Time: about 7 minutes on two idle cores (4 frames of data/test). Needs ../shared, and for our own
# codec results/default_depth.jsonl of the same weights; what other weights measured is measured anew.
# Writes results/colormap.jsonl and docs/figures/colormap.png; prints the tables of docs/evaluation.md.
set -e
cd "$(dirname "$0")/.."
exec "${PYTHON:-.venv/bin/python}" runs/colormap.py "$@"
