#!/usr/bin/env bash
# An array job: each bag of a list becomes a recording. Asked for again, it does what is missing.
#     ls /data/bags/*.mcap > bags.txt
#     sbatch --array=1-$(wc -l < bags.txt)%50 examples/slurm_recordings.sh bags.txt /data/recordings [--lossless depth ...]
# A recording gets its name when it is whole, so a job that was killed leaves none. Not run by us
# on a cluster: an example to adapt.
#SBATCH --job-name=encodepth
#SBATCH --cpus-per-task=2
#SBATCH --mem-per-cpu=2G
#SBATCH --time=02:00:00
#SBATCH --requeue
#SBATCH --output=%x-%A.log
#SBATCH --open-mode=append
set -euo pipefail

list=$1 out=$2
shift 2
bag=$(sed -n "${SLURM_ARRAY_TASK_ID}p" "$list")
name=$(basename "${bag%.*}")
mkdir -p "$out"
[ -e "$out/$name.rgbd" ] && exit

encodepth encode "$bag" -o "$out/.$name.part" -f --quiet -j "${SLURM_CPUS_PER_TASK:-1}" "$@"
mv "$out/.$name.part" "$out/$name.rgbd"
