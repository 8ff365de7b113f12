"""Swin transformer blocks in pixel-major memory, with or without prompt tokens (thesis §2.1.4.2).

Self-attention inside windows; every second block shifts them by half (Liu et al., ICCV 2021).
A whole block touches nothing outside its windows, so in inference it runs a few rows of windows at
a time and its working set never leaves the cache. The shift is a slice, not a roll of the picture,
and only windows that straddle the border carry a mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .bound import lower_bound
from .derived import Derived, is_tracing

GATE_MIN = 1e-9  # a gated prompt's least weight: lost in rounding, but not its gradient
_TOKENS = 4096  # per step in inference


class SwinBlock(nn.Module):
    """x += MSA(LN x); x += MLP(LN x), on windows of `window` x `window` pixels.

    With `prompts` > 0, that many extra pictures of half the size lend their tokens as keys and
    values (thesis §3.1.3, Figure 22): each has its own LayerNorm, shares the qkv weights, has no
    position bias, and is shifted and masked together with the window it belongs to. Only pixels
    ask, so prompt tokens are not updated. `gated` ones weigh as much as the mean gain of their
    LayerNorm: as much as ever while it is 1, nothing where it is 0.

    Args:
        dim: channels.
        head_width: channels of one attention head; wider than `dim` means one head.
        window: side of a window in pixels; even.
        shifted: whether windows lie half a window down and right (SW-MSA).
        prompts: number of prompt pictures.
        gated: whether the gain of a prompt's LayerNorm weighs its tokens.
    """

    _where: Tensor

    def __init__(
        self,
        dim: int,
        head_width: int,
        window: int,
        *,
        shifted: bool,
        prompts: int = 0,
        gated: bool = False,
    ) -> None:
        super().__init__()
        self.window, self.gated = window, gated
        self.shift = window // 2 if shifted else 0
        self.heads = max(1, dim // head_width)
        self.norm1 = nn.LayerNorm(dim)
        self.prompt_norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(prompts))
        self.qkv = nn.Linear(dim, 3 * dim)
        self.bias = nn.Parameter(torch.empty(self.heads, (2 * window - 1) ** 2))
        nn.init.trunc_normal_(self.bias, std=0.02)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)
        self.register_buffer("_where", _relative_positions(window), persistent=False)
        self._biases = Derived()

    def forward(self, x: Tensor, prompts: Sequence[Tensor] = ()) -> Tensor:
        """Transform a picture.

        Args:
            x: pixels, (B, H, W, C); H and W multiples of the window.
            prompts: one picture per prompt network, each (B, H/2, W/2, C).

        Returns:
            The new pixels, same shape.
        """
        return self.between((x,), lambda rows: rows, lambda far, rows: far, prompts)

    def between(
        self,
        pictures: tuple[Tensor, ...],
        enter: Callable[..., Tensor],
        leave: Callable[..., Tensor],
        prompts: Sequence[Tensor] = (),
    ) -> Tensor:
        """Run the block between two functions of single pixels, while rows are in the cache.

        Args:
            pictures: what the functions read, each (B, H, W, any).
            enter: rows of the pictures -> rows of this block's input, (B, h, W, C).
            leave: (this block's output, rows of the pictures) -> rows of the result.
            prompts: as in `forward`.

        Returns:
            The result's rows put together, (B, H, W, any).
        """
        if len(prompts) != len(self.prompt_norms):
            raise ValueError(f"block takes {len(self.prompt_norms)} prompts, got {len(prompts)}")
        gains = [cast(Tensor, norm.weight) for norm in self.prompt_norms]
        biases = self._biases.get(self._make_biases, self.bias, *gains)
        strips, height = [], pictures[0].shape[1]
        for first, count in self._steps(pictures[0]):
            rows = [self._rows(p, first, count, 1) for p in pictures]
            extra = [
                norm(self._windows(self._rows(p, first, count, 2), count, 2))
                for p, norm in zip(prompts, self.prompt_norms, strict=True)
            ]
            x = enter(*rows)
            wraps = self.shift > 0 and (first + count) * self.window == height
            tokens = self._windows(x, count, 1)
            tokens = self._block(tokens, extra, biases[2:] if wraps else biases[:2], x.shape, count)
            strips.append(leave(self._pixels(tokens, x.shape), *rows))
        if self.shift:
            *inner, last = strips  # the last row of windows holds the bottom, then the top
            strips = [last[:, -self.shift :], *inner, last[:, : -self.shift]]
        return torch.cat(strips, dim=1)

    def _steps(self, x: Tensor) -> Iterator[tuple[int, int]]:
        """Yield (first, count) rows of windows; shifted, the wrapping last row goes alone."""
        b, h, w, _ = x.shape
        rows = h // self.window
        whole = torch.is_grad_enabled() or is_tracing() or x.is_meta
        step = rows if whole else max(1, _TOKENS // (b * w * self.window))
        alone = 1 if self.shift else 0
        for first in range(0, rows - alone, step):
            yield first, min(step, rows - alone - first)
        if alone:
            yield rows - 1, 1

    def _rows(self, x: Tensor, first: int, count: int, scale: int) -> Tensor:
        """Take rows of windows, shifted down, from a picture `scale` times smaller."""
        w, s, h = self.window // scale, self.shift // scale, x.shape[1]
        top, bottom = first * w + s, (first + count) * w + s
        rows = x[:, top:bottom]
        return torch.cat((rows, x[:, : bottom - h]), dim=1) if bottom > h else rows

    def _windows(self, rows: Tensor, count: int, scale: int) -> Tensor:
        """Cut rows into windows, column by column; (columns*count*B, w*w, C)."""
        w, s = self.window // scale, self.shift // scale
        b, _, wide, c = rows.shape
        if s:
            rows = rows.roll(-s, dims=2)
        rows = rows.reshape(b, count, w, wide // w, w, c).permute(3, 1, 0, 2, 4, 5)
        return rows.reshape(-1, w * w, c)

    def _pixels(self, tokens: Tensor, shape: torch.Size) -> Tensor:
        """Undo `_windows`: tokens back to rows of that shape."""
        w, (b, h, wide, c) = self.window, shape
        rows = tokens.view(wide // w, h // w, b, w, w, c).permute(2, 1, 3, 0, 4, 5).reshape(shape)
        return rows.roll(self.shift, dims=2) if self.shift else rows

    def _block(
        self,
        tokens: Tensor,
        extra: list[Tensor],
        biases: Tensor,
        shape: torch.Size,
        count: int,
    ) -> Tensor:
        """Run the block on windows ordered column by column, the wrapping column last."""
        n, t, c = tokens.shape
        qkv = self.qkv(self.norm1(tokens)).view(n, t, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if extra:
            asked = F.linear(torch.cat(extra, dim=1), self.qkv.weight[c:], self.qkv.bias[c:])
            pk, pv = asked.view(n, -1, 2, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
            k, v = torch.cat((pk, k), dim=2), torch.cat((pv, v), dim=2)
        edge = count * shape[0] if self.shift else 0
        seen = [_attend(q[: n - edge], k[: n - edge], v[: n - edge], biases[0])] if n > edge else []
        if edge:
            seen.append(_attend(q[n - edge :], k[n - edge :], v[n - edge :], biases[1]))
        heads = seen[0] if len(seen) == 1 else torch.cat(seen)
        tokens = tokens + self.proj(heads)
        return tokens + self.fc2(F.gelu(self.fc1(self.norm2(tokens))))

    def _make_biases(self) -> Tensor:
        """Position bias plus mask for (inner, right edge, bottom edge, corner) windows.

        Returns:
            (4, heads, w*w, prompts*w*w/4 + w*w), or (2, ...) of equal entries without a shift.
        """
        w, s, n = self.window, self.shift, self.window**2
        bias = self.bias[:, self._where].view(self.heads, n, n)
        whole = torch.cat((self._prompt_bias(bias), bias), dim=2)
        if s == 0:
            return whole.expand(2, -1, -1, -1)
        masks = []
        for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
            asks = _regions(w, s, down, right, bias)
            offers = [_regions(w // 2, s // 2, down, right, bias)] * len(self.prompt_norms)
            differ = asks[:, None] != torch.cat([*offers, asks])[None]
            masks.append(torch.zeros_like(differ, dtype=bias.dtype).masked_fill(differ, -torch.inf))
        return whole + torch.stack(masks)[:, None]

    def _prompt_bias(self, like: Tensor) -> Tensor:
        """What is added to the scores of prompt tokens, (heads, w*w, prompts*w*w/4)."""
        heads, n, _ = like.shape
        if not self.gated or not self.prompt_norms:
            return like.new_zeros(heads, n, len(self.prompt_norms) * n // 4)
        gains = torch.stack([cast(Tensor, norm.weight).mean() for norm in self.prompt_norms])
        weights = lower_bound(gains, GATE_MIN).log()
        return weights.repeat_interleave(n // 4).expand(heads, n, -1)


def _attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Attention of n windows, each (n, heads, tokens, width); returns (n, tokens, heads * width).

    In bfloat16 on a CPU, plain products of small matrices are twice as fast as the fused kernel.
    """
    bias = bias.to(q.dtype)
    if q.dtype == torch.bfloat16 and q.device.type == "cpu" and not torch.is_grad_enabled():
        similarity = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-2, -1)).add_(bias)
        seen = torch.matmul(similarity.softmax(dim=-1), v)
    else:
        mask = bias.expand(1, -1, -1, -1)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return seen.transpose(1, 2).flatten(2)


def _regions(w: int, s: int, down: int, right: int, like: Tensor) -> Tensor:
    """Number the parts of a window that wraps round the border; (w*w,)."""
    far = (torch.arange(w, device=like.device) >= w - s).long()
    return (2 * down * far[:, None] + right * far[None, :]).flatten()


def _relative_positions(window: int) -> Tensor:
    """Index into the bias table for every (asking, offering) pair of pixels; (w*w*w*w,)."""
    y, x = torch.arange(window**2) // window, torch.arange(window**2) % window
    dy = y[:, None] - y[None, :] + window - 1
    dx = x[:, None] - x[None, :] + window - 1
    return (dy * (2 * window - 1) + dx).flatten()
