#!/usr/bin/env bash
# Start Easel: find a Python 3.10 to 3.13 and give it launch.py with all arguments.
# PYTHON=/path/to/python chooses another one.
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

for python in "${PYTHON:-}" .venv/bin/python python3.11 python3.12 python3.13 python3.10 python3 python; do
    if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
        >/dev/null 2>&1; then
        exec "$python" launch.py "$@"
    fi
done

echo "Easel needs Python 3.10 to 3.13, and none was found. Install Python 3.11, for example:" >&2
echo "  Debian, Ubuntu:  sudo apt install python3 python3-venv" >&2
echo "  Fedora:          sudo dnf install python3.11" >&2
echo "  macOS:           brew install python@3.11" >&2
exit 1
