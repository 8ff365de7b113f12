#!/usr/bin/env bash
# The thesis's experiment at reduced width (N=16, M=96, no SWAtten), from recipes to Markdown: trains the six
# rows at three lambdas, their controls and the open questions under one budget, measures them on data/test
# as real files, and writes results/thesis/, the tables of docs/experiment.md and
# docs/figures/thesis-* and extras/thesis. Needs ../shared (or SHARED=DIR). Goes on where it was stopped.
# Time: about 6 hours of one idle core, from the time of a step.
#     bash runs/results/thesis.sh                 OUT=out/thesis by default
#     bash runs/results/thesis.sh --smoke         two steps a run, one frame, nothing outside OUT: about four minutes of one core
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
shared=${SHARED:-../shared}
if [ "${1:-}" = --smoke ]; then
    out=${OUT:-out/thesis-smoke}
    records=$out/thesis.jsonl summary=$out/thesis.json page=$out/experiment.md figures=$out/figures
    mkdir -p "$out"
    cp docs/experiment.md "$page"
else
    out=${OUT:-out/thesis}
    records=results/thesis/records.jsonl summary=results/thesis/effects.json page=docs/experiment.md figures=docs/figures
fi
"$python" -m runs.results.thesis -o "$out" --shared "$shared" "$@"
"$python" -m runs.results.thesis_measure -o "$out" --shared "$shared" -r "$records" "$@"
more=()
if [ "${1:-}" != --smoke ]; then
    "$python" -m runs.results.thesis_search -o "$out" --shared "$shared"
    more=(--search results/thesis/search.jsonl)
fi
"$python" -m runs.results.thesis_report "$records" "$page" -j "$summary" \
    --context results/thesis/context.jsonl "${more[@]}"
[ "${1:-}" = --smoke ] || "$python" -m runs.results.thesis_weights -o "$out" --shared "$shared"
"$python" -m runs.results.thesis_figures -o "$out" -r "$records" --shared "$shared" --figures "$figures"
