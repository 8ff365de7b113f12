#!/bin/sh
# The default model's depth on data/test, against the anchors: the table of issue "Depth".
# Time: about 15 minutes on two cores (21 frames). Needs ../shared.
# Writes results/default_depth.jsonl; --model FILE for other weights, --force to begin anew.
set -e
cd "$(dirname "$0")/.."
exec "${PYTHON:-.venv/bin/python}" runs/default.py depth "$@"
