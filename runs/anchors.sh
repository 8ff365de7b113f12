#!/bin/sh
# Measure the conventional codecs again and set them beside the published anchor records.
# A codec without published records (JPEG 2000 for colour) is measured on every frame.
# Time: about 7 minutes on two cores; with --all (every frame and setting) about 1.5 hours.
# Needs ../shared (data and anchors); writes results/anchors.jsonl and prints a table.
set -e
cd "$(dirname "$0")/.."
exec "${PYTHON:-.venv/bin/python}" runs/anchors.py "$@"
