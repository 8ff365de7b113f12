#!/usr/bin/env bash
# Train on a machine that is lent for minutes and reached only by copying files of limited size.
# The pieces are carried by whatever copies files; every step can be repeated, and training resumes.
#
#   here    runs/machines/gpu_train.sh pack RECIPE PIECES        code and the recipe's data -> PIECES/data.000 ...
#   there   bash gpu_train.sh unpack PIECES WORK        once all pieces have arrived, in however many trips
#   there   bash gpu_train.sh train WORK MINUTES RUN RECIPE [--set KEY=VALUE ...]
#   there   bash gpu_train.sh send RUN PIECES [FIRST [COUNT]]   checkpoint -> PIECES/checkpoint.000 ...
#   here    runs/machines/gpu_train.sh receive PIECES RUN        pieces -> RUN/checkpoint.safetensors, checked
#
# Then `encodepth train RECIPE --resume RUN` goes on here, or the next loan does: copy RUN's run.json
# and checkpoint there (`split` makes pieces of any file) before `train`.
# Limits, in MiB, from the environment: PIECE=60 on the way there, BACK=15 on the way back.
# PYTHON names the interpreter (here .venv/bin/python, there python3).
# Time: packing about a minute; training MINUTES plus the packs of decoded frames, made once.
set -euo pipefail

piece=$((${PIECE:-60} << 20))
back=$((${BACK:-15} << 20))

pack() {
    local recipe=$1 pieces=$2 root=$PWD
    local python=${PYTHON:-.venv/bin/python}
    mkdir -p "$pieces"
    rm -f "$pieces"/data.* "$pieces"/SUMS
    local list
    list=$(mktemp)
    "$python" - "$recipe" >"$list" <<'PY'
import sys
from pathlib import Path
from encodepth.train.frames import source_files
from encodepth.train.recipe import load_recipe

recipe = load_recipe(sys.argv[1])
root = Path(recipe.data.root)
for path in source_files(recipe):
    print(path.relative_to(root))
PY
    local data
    data=$("$python" -c 'import sys; from encodepth.train.recipe import load_recipe
print(load_recipe(sys.argv[1]).data.root)' "$recipe")
    {
        git ls-files src recipes runs pyproject.toml constraints.txt README.md LICENSE |
            tar -cf - --transform 's,^,code/,' -C "$root" --verbatim-files-from -T -
        tar -cf - --transform 's,^,data/,' -C "$data" --verbatim-files-from -T "$list"
    } | split -b "$piece" -d -a 3 - "$pieces/data."
    rm -f "$list"
    cp "$0" "$pieces/gpu_train.sh"
    (cd "$pieces" && sha256sum data.* >SUMS)
    du -ch "$pieces"/data.* | tail -n 1
}

unpack() {
    local pieces=$1 work=$2
    (cd "$pieces" && sha256sum --quiet -c SUMS)
    mkdir -p "$work"
    # Two archives, one after the other.
    cat "$pieces"/data.* | tar -xif - -C "$work"
}

train() {
    local work=$1 minutes=$2 run=$3 recipe=$4
    shift 4
    mkdir -p "$run"
    run=$(realpath "$run")
    cd "$work/code"
    export PYTHONPATH=$PWD/src
    "${PYTHON:-python3}" -m encodepth.cli.main train "$recipe" --resume "$run" \
        --set "data.root=$(realpath ../data)" --set "data.packs=$(realpath ..)/packs" \
        --set "log.minutes=$minutes" "$@"
}

send() {
    local run=$1 pieces=$2 first=${3:-0} count=${4:-1000} all
    mkdir -p "$pieces"
    all=$(mktemp -d)
    split -b "$back" -d -a 3 "$run/checkpoint.safetensors" "$all/checkpoint."
    (cd "$all" && sha256sum checkpoint.* >SUMS)
    local n=0 file
    for file in "$all"/checkpoint.*; do
        if ((n >= first && n < first + count)); then cp "$file" "$pieces"; fi
        n=$((n + 1))
    done
    cp "$all/SUMS" "$run/run.json" "$run/metrics.jsonl" "$pieces"
    rm -rf "$all"
    echo "$n pieces in all; sent $first to $((first + count < n ? first + count - 1 : n - 1))"
}

receive() {
    local pieces=$1 run=$2
    (cd "$pieces" && sha256sum --quiet -c SUMS)
    mkdir -p "$run"
    cat "$pieces"/checkpoint.[0-9]* >"$run/checkpoint.tmp"
    mv "$run/checkpoint.tmp" "$run/checkpoint.safetensors"
    cp "$pieces/run.json" "$pieces/metrics.jsonl" "$run"
}

case ${1:-} in
    pack | unpack | train | send | receive) "$@" ;;
    *)
        sed -n '2,16s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
esac
