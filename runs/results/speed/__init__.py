"""How quick encodepth is: `python -m runs.results.speed`, one part a file."""
