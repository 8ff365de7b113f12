#!/bin/sh
# The default model's colour on data/test and Kodak, against the anchors: the table of issue "Colour".
# Time: about 8 minutes on two cores (45 frames, 10 qualities). Needs ../shared.
# Writes results/default_color.jsonl; --model FILE for other weights, --force to begin anew.
set -e
cd "$(dirname "$0")/.."
exec "${PYTHON:-.venv/bin/python}" runs/default.py color "$@"
