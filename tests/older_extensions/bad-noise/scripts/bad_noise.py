"""Prints what no terminal likes."""

import sys

from modules import script_callbacks

print("\x1b[31m\x00\x07" + "rubbish " * 200)
print("half a surrogate: \udcff")
getattr(sys.stdout, "buffer", sys.stdout).write(bytes(range(256)) if hasattr(sys.stdout, "buffer") else "?")
sys.stdout.flush()
print("to the other side", file=sys.stderr)


def on_app_started(demo, app):
    @app.get("/bad-noise")
    def read():
        print("\x00\x01")
        return "still here"


script_callbacks.on_app_started(on_app_started)
