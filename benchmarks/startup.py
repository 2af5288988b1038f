"""How long a start takes: until the port answers, until the page is served, until the first picture is there.

    python benchmarks/startup.py [runs]

Starts `webui.py` with this interpreter on a fresh data folder each time and prints the medians in seconds.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUEST = {"prompt": "a red house in a meadow", "steps": 20, "width": 128, "height": 128, "seed": 1}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(address: str, data: bytes | None = None) -> bool:
    """Whether a request is answered with success."""
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"} if data else {})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read()
            return bool(answer.status == 200)
    except OSError:
        return False


def measure(data_dir: str) -> dict[str, float]:
    """Seconds from the start of one process to each of the three moments."""
    port = free_port()
    started = time.perf_counter()
    command = [sys.executable, "webui.py", "--port", str(port), "--data-dir", data_dir]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            base = f"http://127.0.0.1:{port}"
            times = {}
            for name, path in (("port", "/internal/ping"), ("page", "/")):
                while not answers(base + path):
                    if process.poll() is not None or time.perf_counter() - started > 120:
                        raise SystemExit("The server did not come up.")
                    time.sleep(0.02)
                times[name] = time.perf_counter() - started
            answers(base + "/sdapi/v1/txt2img", json.dumps(REQUEST).encode())
            times["first picture"] = time.perf_counter() - started
            return times
        finally:
            process.terminate()


def main() -> None:
    """Measure a few starts."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    results = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(folder))
    for name in results[0]:
        values = [result[name] for result in results]
        print(
            f"{name:14} median {statistics.median(values):.2f} s  (from {min(values):.2f} to {max(values):.2f})"
        )


if __name__ == "__main__":
    main()
