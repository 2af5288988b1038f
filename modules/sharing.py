"""A public link to the running server, through Gradio's tunnel service (`--share`)."""

from __future__ import annotations

import secrets

from modules.faults import NotPossibleNow


def public_link(port: int) -> str:
    """Open a tunnel to the server on this port; it ends with the program. Takes seconds.

    The tunnel's program is downloaded once, with its checksum, by Gradio.

    Returns: the address that others can open.

    Raises: NotPossibleNow: the service can't be reached, or doesn't serve this system.
    """
    from gradio.networking import setup_tunnel

    try:
        return setup_tunnel("127.0.0.1", port, secrets.token_urlsafe(32), None, None)
    except Exception as error:  # whatever the service, the download or the program do: Easel goes on without
        raise NotPossibleNow(
            f"There is no public link: {str(error).splitlines()[0] if str(error) else type(error).__name__} "
            "Easel itself runs; see whether this machine is online, and start it again."
        ) from error
