#!/usr/bin/env python3
"""Start Easel in this interpreter. `launch.py` makes the environment first, and then comes here."""

from __future__ import annotations

import sys
import time

STARTED = time.perf_counter()

if __name__ == "__main__":
    from modules.server import main

    sys.exit(main(sys.argv[1:], STARTED))
