#!/usr/bin/env bash
# The six thesis recipes on real frames: 20 steps each at one lambda, 10 in a first sitting and 10 after
# resuming. depth-conv starts from the depth run made just before. Needs ../shared (or SHARED=DIR).
# Time: with -small rows (N=16, M=96) about 5 minutes of one core; at full width, batch 1, about 20.
#     bash runs/gates/check_recipes.sh [-small] [--set KEY=VALUE ...]      e.g. --set optimiser.batch=1
# Leaves results/check_recipes.json; the exit status is 1 if a run did not resume, a loss was no number or
# depth-conv did not start at exactly its baseline's loss.
set -euo pipefail
cd "$(dirname "$0")/../.."
suffix=
if [ "${1:-}" = -small ]; then suffix=-small; shift; fi
encodepth=${ENCODEPTH:-.venv/bin/encodepth}
out=${OUT:-out/check}
rm -rf "$out/runs" "$out/log"
mkdir -p "$out"
for row in rgb rgb-4c rgb-attn depth depth-4c depth-conv; do
    case $row in rgb*) lambda=0.013 ;; *) lambda=0.001 ;; esac
    settings=(
        --set "model.row=$row$suffix" --set "loss.lambdas=[$lambda]" --set data.root=${SHARED:-../shared}/data
        --set 'data.train=[{kind = "pairs", path = "train/*", every = 8}]'
        --set 'data.validation=[]' --set data.workers=0 --set "data.packs=$out/packs"
        --set optimiser.precision=fp32 --set log.every=5 --set log.checkpoint=10
        --set schedule.milestones=[] --set schedule.epochs=0
    )
    if [ $row = depth-conv ]; then
        settings+=(--set "model.init=$out/runs/depth/lambda-{lmbda}/weights.safetensors")
    fi
    for steps in 10 20; do
        "$encodepth" train "recipes/$row.toml" --resume "$out/runs/$row" "${settings[@]}" \
            --set schedule.steps=$steps "$@" 2> >(tee -a "$out/log" >&2)
    done
done
"$(dirname "$encodepth")/python" -m runs.gates.check_recipes "$out" -o "${RECORD:-results/check_recipes.json}"
