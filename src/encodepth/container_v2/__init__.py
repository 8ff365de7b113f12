"""Version 2 of `.rgbd`, a recording: bytes only (docs/format-v2.md)."""
