"""The text encoders of the loaded model as the older UI's objects: `cond_stage_model`, `conditioner`, tokenizer.

They compute with the program's own encoder, so what they give is what a job is steered by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from modules.compat.house import house, is_open
from modules.compat.older_options import option
from modules.models.placement import placed
from modules.models.tokenizer import BOS, EOS, token_text, tokenize
from modules.prompts.chunks import CHUNK_LENGTH, TokenVocabulary, chunk_prompt
from modules.prompts.emphasis import Span, parse_emphasis
from modules.prompts.encode import EncodingSettings, PromptEncoder
from modules.settings.model import ModelSettings

if TYPE_CHECKING:
    from modules.models.conditioning import Conditioning
    from modules.models.latent_diffusion import LatentDiffusion
    from modules.models.text_encoder import TextEncoder
    from modules.networks.embeddings import Embeddings

FindEmbeddings = Callable[[], "Embeddings | None"]


def usable(tensor: Tensor) -> Tensor:
    """The tensor as one that may be changed in place: what inference mode has made may not be."""
    return tensor.clone() if tensor.is_inference() and not torch.is_inference_mode_enabled() else tensor


def encoding_settings() -> EncodingSettings:
    """How prompts are read now."""
    ours = house().settings.current.model if is_open() else ModelSettings()
    return EncodingSettings(
        clip_skip=int(option("CLIP_stop_at_last_layers", ours.clip_skip)),
        sdxl_clip_skip=bool(option("sdxl_clip_l_skip", ours.sdxl_clip_skip)),
        emphasis=str(option("emphasis", ours.emphasis)),
        comma_backtrack=int(option("comma_padding_backtrack", ours.comma_backtrack)),
    )


def encode(
    model: LatentDiffusion,
    texts: Sequence[str],
    embeddings: Embeddings | None,
    towers: Sequence[int] | None = None,
) -> list[Conditioning]:
    """Texts encoded together, all of the same length. Args: towers: which of the text encoders; None: all."""
    chosen = model.texts if towers is None else [model.texts[number] for number in towers]
    source = embeddings if towers is None or embeddings is None else _OfTowers(embeddings, towers)
    encoder = PromptEncoder(chosen, model.compute.device, source)
    with placed(model, "text"):
        return encoder.encode(tuple(map(str, texts)), encoding_settings())


class _OfTowers:
    """The embeddings for some of a model's text encoders; an `EmbeddingSource`."""

    def __init__(self, embeddings: Embeddings, towers: Sequence[int]) -> None:
        self._embeddings, self._towers = embeddings, towers

    def find(self, ids: Sequence[int], position: int) -> Any:
        return self._embeddings.find(ids, position)

    def vectors(self, name: str, encoder: int) -> Tensor:
        return self._embeddings.vectors(name, self._towers[encoder])


class Tokenizer:
    """CLIP's tokenizer under the names of transformers."""

    bos_token_id, eos_token_id, pad_token_id = BOS, EOS, EOS
    bos_token, eos_token = "<|startoftext|>", "<|endoftext|>"
    model_max_length = 77

    def __call__(self, text: str | Sequence[str], **options: Any) -> dict[str, Any]:
        """`{"input_ids": ...}`, with begin and end where they are not declined."""
        texts = [text] if isinstance(text, str) else list(text)
        ids = [self._ended(each, options.get("add_special_tokens", True)) for each in tokenize(texts)]
        return {"input_ids": ids[0] if isinstance(text, str) else ids}

    def encode(self, text: str, **options: Any) -> list[int]:
        """Token ids of a text."""
        ids: list[int] = self(text, **options)["input_ids"]
        return ids

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text, as they are written."""
        return self.convert_ids_to_tokens(tokenize([text])[0])

    def decode(self, ids: Sequence[int] | int, **options: Any) -> str:
        """The text of token ids."""
        every = [ids] if isinstance(ids, int) else [int(each) for each in ids]
        return "".join(token_text(each).replace("</w>", " ") for each in every).strip()

    def convert_ids_to_tokens(self, ids: Sequence[int]) -> list[str]:
        """How tokens are written in the vocabulary."""
        names = {number: word for word, number in self.get_vocab().items()}
        return [names.get(int(each), "") for each in ids]

    def get_vocab(self) -> dict[str, int]:
        """Token to id."""
        from modules.models.tokenizer import _vocabulary

        return dict(_vocabulary()[0])

    @property
    def encoder(self) -> dict[str, int]:
        """The same, as OpenCLIP calls it."""
        return self.get_vocab()

    @staticmethod
    def _ended(ids: list[int], special: bool) -> list[int]:
        return [BOS, *ids, EOS] if special else ids


class PromptChunk:
    """75 places between begin and end. Args: fixes: `(place, embedding)` of words with vectors of their own."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.multipliers: list[float] = []
        self.fixes: list[Any] = []


class _Transformer(nn.Module):
    """A text encoder under the names of transformers' `CLIPTextModel`."""

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.text_model = encoder.model
        object.__setattr__(self, "_encoder", encoder)
        self.config = SimpleNamespace(
            hidden_size=encoder.config.width,
            num_hidden_layers=encoder.config.layers,
            max_position_embeddings=77,
        )

    def forward(
        self, input_ids: Tensor, output_hidden_states: Any = False, **options: Any
    ) -> SimpleNamespace:
        """Ids `[B, 77]` to `last_hidden_state`, `hidden_states` of all layers, `pooler_output`."""
        encoder: TextEncoder = self._encoder  # type: ignore[assignment]
        weight = encoder.model.embeddings.token_embedding.weight
        ids = input_ids.to(weight.device)
        layers = encoder.config.layers
        deepest = encoder(ids, layer=1)
        states = None
        if output_hidden_states:
            rest = [encoder(ids, layer=number, final_norm=False).hidden for number in range(layers, 0, -1)]
            first = encoder.model.embeddings.token_embedding(ids)
            first = first + encoder.model.embeddings.position_embedding.weight[: ids.shape[1]]
            states = (first, *rest)
        return SimpleNamespace(
            last_hidden_state=deepest.hidden,
            hidden_states=states,
            pooler_output=deepest.pooled,
            text_embeds=deepest.pooled,
        )


class _Wrapped(nn.Module):
    """What is inside the older UI's text encoder: `wrapped.transformer`, `wrapped.tokenizer`."""

    def __init__(self, encoder: TextEncoder, layer: int | None) -> None:
        super().__init__()
        self.transformer = _Transformer(encoder)
        self.tokenizer = Tokenizer()
        self.max_length = 77
        self.layer = "last" if layer is None else "penultimate"
        self.layer_idx = None if layer is None else -layer
        self.model = encoder.model

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.transformer.parameters()).device


class TextFace(nn.Module):
    """One text encoder: `cond_stage_model` of SD1 and SD2, one of the embedders of SDXL.

    Called with a list of texts it gives `[B, 77 * chunks, width]`; SDXL's second one gives the pooled text as well.
    """

    def __init__(self, model: LatentDiffusion, number: int, embeddings: FindEmbeddings) -> None:
        super().__init__()
        tower = model.texts[number]
        self._loaded, self._number, self._find = model, number, embeddings
        self.wrapped = _Wrapped(tower.encoder, tower.layer)
        self.tokenizer = self.wrapped.tokenizer
        self.chunk_length = CHUNK_LENGTH
        self.id_start, self.id_end, self.id_pad = BOS, EOS, tower.pad
        self.comma_token = TokenVocabulary().comma
        self.is_trainable, self.legacy_ucg_val, self.input_key = False, None, "txt"

    @property
    def hijack(self) -> Any:
        """The one hijack of the program."""
        from modules.compat.sd_hijack import model_hijack

        return model_hijack

    @property
    def transformer(self) -> nn.Module:
        """Shortcut to `wrapped.transformer`."""
        return self.wrapped.transformer

    def forward(self, texts: Sequence[str]) -> Any:
        """Encode texts together."""
        encoded = encode(self._loaded, texts, self._find(), (self._number,))
        tokens = usable(torch.cat([each.tokens for each in encoded]))
        if not self._loaded.texts[self._number].pooled:
            return tokens
        return tokens, usable(torch.cat([each.vector for each in encoded if each.vector is not None]))

    def encode(self, texts: Sequence[str]) -> Any:
        """The same as a call."""
        return self(texts)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without begin and end."""
        return tokenize(list(texts))

    def tokenize_line(self, line: str) -> tuple[list[PromptChunk], int]:
        """A prompt in chunks with the weights of their tokens, and how many tokens it has."""
        settings = encoding_settings()
        spans = [Span(line, 1.0)] if settings.emphasis == "None" else parse_emphasis(line)
        embeddings = self._find()
        vocabulary = TokenVocabulary(pad=self.id_pad)
        ours = chunk_prompt(
            spans,
            tokenize,
            vocabulary=vocabulary,
            find_embedding=None if embeddings is None else embeddings.find,
            comma_backtrack=settings.comma_backtrack,
        )
        chunks = []
        for each in ours:
            chunk = PromptChunk()
            chunk.tokens, chunk.multipliers = list(each.ids), list(each.weights)
            chunk.fixes = [(place - 1, ref) for place, ref in each.vectors]
            chunks.append(chunk)
        return chunks, self.token_count(line)

    def token_count(self, line: str) -> int:
        """How many places a prompt takes."""
        from modules.prompts.chunks import token_count

        settings, embeddings = encoding_settings(), self._find()
        spans = [Span(line, 1.0)] if settings.emphasis == "None" else parse_emphasis(line)
        find = None if embeddings is None else embeddings.find
        return token_count(
            spans,
            tokenize,
            vocabulary=TokenVocabulary(pad=self.id_pad),
            find_embedding=find,
            comma_backtrack=settings.comma_backtrack,
        ).used

    def process_texts(self, texts: Sequence[str]) -> tuple[list[list[PromptChunk]], int]:
        """Each prompt in chunks, and the number of tokens of the longest."""
        lines = [self.tokenize_line(text) for text in texts]
        return [chunks for chunks, _ in lines], max((count for _, count in lines), default=0)

    def get_target_prompt_token_count(self, token_count: int) -> int:
        """The places of as many chunks as so many tokens need."""
        return math.ceil(max(token_count, 1) / CHUNK_LENGTH) * CHUNK_LENGTH

    def get_prompt_lengths(self, text: str) -> tuple[int, int]:
        """How many places a prompt takes, and how many its chunks have."""
        count = self.token_count(text)
        return count, self.get_target_prompt_token_count(count)

    @torch.no_grad()
    def encode_with_transformers(self, tokens: Tensor) -> Tensor:
        """Ids `[B, 77]` to `[B, 77, width]`, from the layer that is in use."""
        tower = self._loaded.texts[self._number]
        layer = encoding_settings().clip_skip if tower.layer is None else tower.layer
        with placed(self._loaded, "text"):
            ids = torch.as_tensor(tokens, device=self._loaded.compute.device)
            return tower.encoder(ids, layer=layer, final_norm=tower.final_norm).hidden.float()

    def process_tokens(self, remade_batch_tokens: Any, batch_multipliers: Any) -> Tensor:
        """Chunks of 77 ids with weights to `[B, 77, width]`; the mean stays as it is without weights."""
        z = self.encode_with_transformers(torch.as_tensor(remade_batch_tokens))
        weights = torch.as_tensor(batch_multipliers, device=z.device, dtype=z.dtype)
        weighted = z * weights[..., None]
        return weighted * (z.mean() / weighted.mean())

    def encode_embedding_init_text(self, init_text: str, nvpt: int) -> Tensor:
        """The token embeddings of a text `[n, width]`, at most `nvpt` of them: what an embedding may begin with."""
        ids = torch.tensor(tokenize([init_text])[0][:nvpt] or [EOS])
        with placed(self._loaded, "text"):
            embedding = self._loaded.texts[self._number].encoder.model.embeddings.token_embedding
            return embedding(ids.to(embedding.weight.device)).detach().clone()


class Conditioner(nn.Module):
    """SDXL's text encoders together, and the sizes that it is told."""

    def __init__(self, model: LatentDiffusion, embeddings: FindEmbeddings) -> None:
        super().__init__()
        self._loaded, self._find = model, embeddings
        self.embedders = nn.ModuleList(
            TextFace(model, number, embeddings) for number in range(len(model.texts))
        )

    def forward(self, batch: Any, force_zero_embeddings: Sequence[str] = ()) -> dict[str, Tensor]:
        """Texts, or a batch `{"txt": texts, "original_size_as_tuple": ..., ...}`, to `crossattn` and `vector`."""
        texts = batch["txt"] if isinstance(batch, dict) else batch
        height, width = (
            int(getattr(texts, "height", None) or 1024),
            int(getattr(texts, "width", None) or 1024),
        )
        negative = bool(getattr(texts, "is_negative_prompt", False))
        settings = house().settings.current.model if is_open() else ModelSettings()
        crop = (settings.sdxl_crop_top, settings.sdxl_crop_left)
        score = settings.refiner_low_score if negative else settings.refiner_high_score
        last = (height, width) if self._loaded.family.vector == "sizes" else (score,)
        numbers = (height, width, *crop, *last)
        encoded = encode(self._loaded, texts, self._find())
        if "txt" in force_zero_embeddings or (
            negative and self._loaded.family.zero_empty_negative and not any(texts)
        ):
            encoded = [each.emptied() for each in encoded]
        finished = [each.with_numbers(numbers) for each in encoded]
        return {
            "crossattn": usable(torch.cat([each.tokens for each in finished])),
            "vector": usable(torch.cat([each.vector for each in finished if each.vector is not None])),
        }

    def __getattr__(self, name: str) -> Any:
        """What the first text encoder has: tokenizer, token counts, ..."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_") or name == "embedders":
                raise
            embedders: Any = super().__getattr__("embedders")
            return getattr(embedders[0], name)

    def encode_embedding_init_text(self, init_text: str, nvpt: int) -> Tensor:
        """Those of all text encoders, side by side."""
        return torch.cat([each.encode_embedding_init_text(init_text, nvpt) for each in self.embedders], dim=1)  # type: ignore[operator]
