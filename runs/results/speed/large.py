"""A depth map of 8192x8192."""

from __future__ import annotations

import json
from typing import Any

from .clock import OFFICE, Row, python


def large(asked: Any) -> Row:
    """Measure 8192x8192 pixels in a process of their own."""
    made = python(_LARGE, [str(OFFICE)])
    return json.loads(made.stdout)


_LARGE = """
import json, re, sys, time
import numpy as np
from encodepth.codings import quick
from encodepth.codings.base import Ask
from encodepth.codings.exact import prove
from runs.common import frames_of
depth = frames_of(__import__('pathlib').Path(sys.argv[1]))[0].load().depth
quick.decode_plane(quick.encode_plane(depth), *depth.shape)  # compiled
big = np.tile(depth, (18, 13))[:8192, :8192]
made = {'pixels': big.size}
for way in ('encode', 'decode'):
    a, b = time.process_time(), time.perf_counter()
    if way == 'encode':
        data = quick.encode('depth', big, Ask(effort=1), None)
    else:
        back = quick.decode('depth', data, big.shape, None)
    made |= {f'{way}_cpu_s': round(time.process_time() - a, 2),
             f'{way}_wall_s': round(time.perf_counter() - b, 2)}
# not ru_maxrss, which begins with what the process that started this one had
peak = int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])
made |= {'bytes': len(data.payload), 'whole': bool(np.array_equal(big, back)),
         'peak_gb': round(peak / 1e6, 2)}
print(json.dumps(made))
"""
