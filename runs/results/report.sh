#!/bin/sh
# Build the report page from results/ and the published anchor records, with two bundled pairs.
# Time: under two minutes on two idle cores; nothing is measured but the pictures shown.
# Of a result in several files the first counts: the published anchors before our own check of them.
# Writes out/report/index.html and pictures.jsonl; other files or folders may be given.
set -e
cd "$(dirname "$0")/../.."
anchors=
for file in ../shared/anchors/public.jsonl ../shared/anchors/kodak.jsonl; do
    if [ -f "$file" ]; then anchors="$anchors $file"; fi
done
exec "${ENCODEPTH:-.venv/bin/encodepth}" report $anchors results "$@" \
    --pictures samples/livingroom --pictures samples/desk -o "${OUT:-out/report}" -f
