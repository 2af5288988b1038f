"""Gradio as extensions of the older UI know it (3.41), made from the Gradio that is installed.

Extensions write `gr.Button("x", variant="tool").click(f, _js="...")`, `gr.Dropdown.update(choices=...)`, `gr.Box()`.
The installed Gradio knows none of that, and the program's own page must not know it either. So an extension's
`import gradio` gives another module object, `gradio` here, whose classes are subclasses of the real ones with the old
habits. Which of the two a file gets is decided by whose file it is (`imports.py`), not by time or thread: an
extension's code finds the old habits whenever and wherever it runs, and the rest of the program never does.

- `facade.py`: the module objects; - `classes.py`: the subclasses; - `keywords.py`: keywords of constructors;
- `events.py`: `.click(...)` and its like; - `pictures.py`: pictures that are drawn on, base64;
- `imports.py`: which code gets what.

Nothing of it is imported before an extension of the older UI imports Gradio.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any


def older_gradio(name: str = "gradio") -> ModuleType:
    """`gradio` or one of its modules (`gradio.components`) with the old habits.

    Raises: ModuleNotFoundError: neither the old nor the installed Gradio has it.
    """
    from modules.compat.gradio_shim.facade import facade

    return facade(name)


def adopt(component: Any) -> Any:
    """Give a component of our own page the old habits, for an extension that is handed it; the same object."""
    from modules.compat.gradio_shim.classes import adopt as give_habits

    return give_habits(component)
