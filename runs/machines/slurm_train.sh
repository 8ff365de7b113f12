#!/usr/bin/env bash
# A recipe on one Slurm node with several GPUs; the job requeues itself until the recipe is done.
#     sbatch runs/machines/slurm_train.sh recipes/rgb.toml out/rgb [--set KEY=VALUE ...]
# Batch size in a recipe is per GPU: with 4 GPUs, --set optimiser.batch=2 keeps the thesis's 8.
# Time: up to --time per sitting. Slurm sends SIGTERM 120 s before the end; the run then saves and
# stops. Not run by us on a cluster: an example to adapt.
#SBATCH --job-name=encodepth
#SBATCH --nodes=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-gpu=4
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@120
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -euo pipefail

recipe=$1 run=$2
shift 2
gpus=${SLURM_GPUS_ON_NODE:-1}

torchrun --standalone --no-python --nproc-per-node "$gpus" \
    encodepth train "$recipe" --resume "$run" "$@" &
worker=$!
trap 'kill -TERM "$worker"; wait "$worker" || true; scontrol requeue "$SLURM_JOB_ID"' TERM
wait "$worker"
