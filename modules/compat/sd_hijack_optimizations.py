"""`modules.sd_hijack_optimizations` of the older UI: ways to compute attention. The program uses PyTorch's own."""

from __future__ import annotations

from typing import Any


class SdOptimization:
    """A way to compute attention. Extensions derive theirs from it; the program doesn't apply them."""

    name: str = ""
    label: str | None = None
    cmd_opt: str | None = None
    priority: int = 0

    def title(self) -> str:
        """For people."""
        return self.name if self.label is None else f"{self.name} - {self.label}"

    def is_available(self) -> bool:
        """Whether it could be used here."""
        return True

    def apply(self) -> None:
        """Begin to use it."""

    def undo(self) -> None:
        """Use PyTorch's own again."""


class SdOptimizationSdp(SdOptimization):
    """PyTorch's own."""

    name, cmd_opt, priority = "sdp", "opt_sdp_attention", 80
    label = "scaled dot product"


def list_optimizers(res: list[SdOptimization]) -> None:
    """Add what there is."""
    res.append(SdOptimizationSdp())


def get_available_vram() -> int:
    """Bytes of free memory on the device that computes."""
    import psutil
    import torch

    from modules.compat import devices

    if torch.device(devices.device).type == "cuda":
        free, _ = torch.cuda.mem_get_info(devices.device)
        return int(free)
    return int(psutil.virtual_memory().available)


def get_xformers_flash_attention_op(q: Any, k: Any, v: Any) -> None:
    """None: xformers is not used."""


def scaled_dot_product_attention_forward(
    self: Any, x: Any, context: Any = None, mask: Any = None, **kwargs: Any
) -> Any:
    """What a cross-attention layer `self` makes of `x` `[B, N, width]` and a context `[B, M, context width]`."""
    from torch.nn import functional

    context = x if context is None else context
    queries, keys, values = (
        part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        for part in (self.to_q(x), self.to_k(context), self.to_v(context))
    )
    attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
    return self.to_out(attended.transpose(1, 2).flatten(2))


split_cross_attention_forward = scaled_dot_product_attention_forward
sub_quad_attention_forward = scaled_dot_product_attention_forward
xformers_attention_forward = scaled_dot_product_attention_forward
