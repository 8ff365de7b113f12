#!/bin/sh
# Measure every number in README.md and docs/ again, in order: what later lines read comes first.
# Time: about 16 hours on two idle cores, 6.5 of them the thesis's rows; each line says its own. Needs ../shared (or SHARED=DIR).
# Not here: runs.results.restore_curve, which reads what a training run left.
#     sh runs/all.sh                  everything
#     sh runs/all.sh default price    only the lines with one of these words
#     sh runs/all.sh --list           what there is
# A program that fails is named at the end, and the exit status is 1.
cd "$(dirname "$0")/.." || exit 1
python=${PYTHON:-.venv/bin/python}
asked=$*
failed=

line() { # minutes, what it feeds, program and arguments
    minutes=$1 feeds=$2
    shift 2
    if [ "$asked" = --list ]; then
        printf '%4s min  %-62s %s\n' "$minutes" "$*" "$feeds"
        return
    fi
    if [ -n "$asked" ]; then
        for word in $asked; do
            case "$*" in *"$word"*) word=; break ;; esac
        done
        [ -z "$word" ] || return
    fi
    echo "== $* ($minutes min)"
    case $1 in
        *.sh) sh=sh; [ "$(head -c 19 "$1")" = '#!/usr/bin/env bash' ] && sh=bash; PYTHON=$python $sh "$@" ;;
        *) "$python" -m "$@" ;;
    esac || failed="$failed $1"
}

#    min  feeds                                  program
line 10 "codec: what auto tries"                 runs.choices.choose_coder
line 10 "docs/models.md"                         runs.choices.choose_price
line 60 "CHANGELOG.md"                           runs.choices.color_av1
line 20 "docs/log.md"                            runs.choices.color_axes
line 10 "docs/log.md"                            runs.choices.color_bits
line 30 "docs/log.md"                            runs.choices.color_tune
line 20 "docs/depth.md"                          runs.choices.depth_search
line  4 "docs/cli.md"                            runs.choices.effort
line 25 "docs/data.md"                           runs.choices.mix_scenes -o results/mix_scenes.jsonl
line 20 "docs/training.md"                       runs.choices.optimiser_trial recipes/restore-color.toml --seconds 150 --arm "optimiser.kind=soap optimiser.lr=3e-3" --arm "optimiser.kind=soap optimiser.lr=6e-3" --arm "optimiser.kind=adam optimiser.lr=1.2e-3" --common 'data.train=[{kind = "photos", path = "cid22/training_*", versions = 8}]'
line  5 "docs/models.md"                         runs.choices.runtimes --threads 1
line 30 "docs/depth-quality.md"                  runs.choices.depth_groups
line 30 "docs/depth-quality.md"                  runs.results.over_time --only depth --frames 30 --with-test
line 10 "README.md"                              runs.results.over_time --only color --efforts 7 1 --with-test --frames 30
line 10 "README.md"                              runs.results.people
line 12 "docs/evaluation.md"                     runs.results.anchors
line 20 "README.md"                              runs.results.auto_color
line 20 "docs/ros.md, docs/lerobot.md"           runs.results.adapters
line  8 "README.md, docs/evaluation.md"          runs.results.default color
line 15 "README.md, docs/depth.md"               runs.results.default depth
line 20 "docs/log.md, the card of restore-color" runs.results.restored_color --sets val cid22
line  5 "its card"                               runs.results.restored_color --sets val cid22 --weights restore-color-small
line 5  "docs/depth.md, the cards of its weights" runs.results.restored_depth --weights restore restore-small restore-0.1
line 25 "docs/log.md"                           runs.results.restored_groups --sequences office static icl
line 60 "docs/depth-quality.md"                  runs.results.depth_quality --frames 8 -o results/depth_quality.json
line 40 "docs/depth.md"                          runs.results.depth_over_time
line  7 "docs/evaluation.md"                     runs.results.colormap
line  1 "docs/data.md"                           runs.results.scenes
line 10 "docs/experiment.md"                     runs.results.thesis_start
line  2 "docs/experiment.md"                     runs.results.thesis_start --auto
line 10 "docs/experiment.md"                     runs.choices.thesis_rate
line 390 "docs/experiment.md"                    runs/results/thesis.sh
line 10 "docs/lerobot.md"                        runs.results.lerobot
line  5 "docs/many.md"                           runs.results.moving
line 30 "docs/depth-quality.md"                  runs.results.odometry
line 10 "README.md, docs/depth.md"               runs.gates.check_promises
line 10 "docs/format.md"                         runs.gates.check_machines
line  1 "docs/models.md"                         runs.gates.check_rates
line 15 "docs/cli.md"                            runs.gates.check_targets
line 45 "SECURITY.md"                            runs.gates.damage --count 100000 --model base
line 45 "SECURITY.md"                            runs.gates.fuzz all
line  3 "docs/loaders.md, docs/lerobot.md"       runs.gates.round_trips
line  8 "docs/cli.md"                            runs.gates.kill
line  5 "README.md"                              runs.gates.large
line 30 "docs/log.md"                            runs.gates.decode_groups
line 40 "docs/cli.md"                            runs.gates.long_recording
line  3 "docs/cli.md"                            runs.gates.kill_recording
line 20 "docs/training.md"                       runs/gates/check_recipes.sh
line  6 "docs/tcm.md"                            runs.gates.check_import
line  6 "docs/tcm.md"                            runs.gates.check_import_training
line 10 "docs/tcm.md"                            runs.gates.check_tcm ../shared/data/test/kinect* ../shared/data/test/open3d*
line  6 "docs/thesis.md"                         runs.machines.profile
line 10 "docs/tcm.md"                            runs.machines.bench_tcm --openvino
line  2 "docs/training.md"                       runs.machines.bench_train recipes/base-color.toml -o results/train_speed.jsonl
line 15 "README.md, docs/speed.md"               runs.results.speed
line  5 "docs/loaders.md"                        runs.machines.bench_loader
line  5 "docs/depth.md"                          runs.results.exact_depth ../shared/data results/exact_depth.json
line  1 "README.md"                              runs.machines.time_main
line  1 "docs/architecture.md"                   runs.results.house 78b6c1c
line  2 "the page of measurements"               runs/results/report.sh

[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
