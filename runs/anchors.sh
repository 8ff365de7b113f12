#!/bin/sh
# Measure the conventional codecs again and set them beside the published anchor records.
# What the report needs on every frame is measured there: JPEG 2000 for colour, which nobody published,
# and the comprehensive similarity of AVIF and HEVC for depth, which the published records lack.
# Time: about 12 minutes on two cores; with --all (every frame and setting) about 1.5 hours.
# Needs ../shared (data and anchors); writes results/anchors.jsonl and prints a table.
set -e
cd "$(dirname "$0")/.."
exec "${PYTHON:-.venv/bin/python}" runs/anchors.py "$@"
