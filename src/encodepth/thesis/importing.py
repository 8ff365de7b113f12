"""A checkpoint of the public LIC-TCM code to a weights file of ours and its card.

Two users who import one file get the same file, on any machine: tables are made in double
precision and stored. Nothing is downloaded, and nothing of the public weights ships.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from ..errors import ModelNotFoundError
from ..files import write_file
from .model import TcmModel
from .public_file import read_content, state_of
from .start import public_model
from .tcm import TCM
from .weights import save_tcm

LAMBDAS = ("0.0025", "0.0035", "0.0067", "0.013", "0.025", "0.05")  # of the published files
_SOURCE = "https://github.com/jmliu206/LIC_TCM"
_IN_NAME = re.compile(rf"(?<![\d.])({'|'.join(map(re.escape, LAMBDAS))})")


@dataclass(frozen=True)
class Imported:
    """What was made of a checkpoint.

    Attributes:
        file, card: what was written.
        source: the checkpoint's file name.
        sha256: of the checkpoint.
        name: of the model, "rgb" or "depth", with "-96" or "-128" for N=96 or 128.
        codes: "color" or "depth".
        half, latent: N and M.
        lmbda: the trade-off it was trained for, as told.
        tables: how a scale finds its table, "next" or "nearest".
        parameters: how many.
        bytes: of the file.
        weights: the fingerprint that streams carry, eight hexadecimal digits.
    """

    file: str
    card: str
    source: str
    sha256: str
    name: str
    codes: str
    half: int
    latent: int
    lmbda: float
    tables: str
    parameters: int
    bytes: int
    weights: str

    def as_dict(self) -> dict[str, object]:
        """Every field, by name."""
        return asdict(self)


def import_weights(
    checkpoint: str | Path,
    output: str | Path,
    *,
    lmbda: float | None = None,
    depth: bool = False,
    tables: Literal["next", "nearest"] = "next",
    name: str = "",
) -> Imported:
    """Write the model of a public checkpoint, and a card beside it (".md").

    Args:
        checkpoint: a file of `torch.save`: a state dict, alone or as "state_dict".
        output: the weights file; replaced if it is there.
        lmbda: the trade-off that it was trained for; if None, the one in the file's name.
        depth: write the depth model inside the colour model.
        tables: "next" takes, of 64 scales, the smallest that is not below the predicted one, as the
            public code does; "nearest" the nearest in logarithm, as rows trained here.
        name: what messages call the model, instead of its row.

    Raises:
        ModelNotFoundError: the checkpoint cannot be used, or its lambda is not known.
    """
    source = Path(checkpoint)
    content = read_content(source)
    lmbda = _lambda_in(source.name) if lmbda is None else lmbda
    state = state_of(content, str(source))
    model = public_model(state, str(source), lmbda=lmbda, depth=depth, tables=tables)
    if name:
        model.config = replace(model.config, name=name)
    digest = _sha256(source)
    save_tcm(output, model, origin=f"LIC-TCM checkpoint {source.name}, SHA-256 {digest}")
    made = _facts(model, source, Path(output), digest, tables)
    write_file(made.card, _card(made).encode())
    return made


def card_of(output: str | Path) -> Path:
    """Return where the card of a weights file lies."""
    return Path(output).with_suffix(".md")


def _lambda_in(name: str) -> float:
    """Return the one of the six lambdas that a file's name begins or goes on with."""
    found = set(_IN_NAME.findall(name))
    if len(found) != 1:
        raise ModelNotFoundError(
            f"the name {name} does not tell the lambda of these weights; say --lambda, published"
            f" are {', '.join(LAMBDAS)}"
        )
    return float(found.pop())


def _facts(model: TCM, source: Path, output: Path, digest: str, tables: str) -> Imported:
    at_work, config = TcmModel(model), model.config
    return Imported(
        str(output),
        str(card_of(output)),
        source.name,
        digest,
        config.name,
        at_work.kind,
        config.half,
        config.latent,
        config.lmbda,
        tables,
        sum(p.numel() for p in model.parameters()),
        output.stat().st_size,
        f"{at_work.fingerprint:08x}",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_TABLES = {
    "next": "the smallest of 64 scales that is not below the predicted one, as in the public code",
    "nearest": "the nearest of 64 scales in logarithm",
}


def _card(made: Imported) -> str:
    what = (
        "The depth model inside the colour model: it does to depth what that does to a grey"
        " picture, with the same bits. It was never trained on depth."
        if made.codes == "depth"
        else "Colour by LIC-TCM (Liu, Sun, Katto: Learned Image Compression with Mixed"
        " Transformer-CNN Architectures, CVPR 2023)."
    )
    return f"""# {made.name}, lambda {made.lmbda:g}

{what}

- Imported from: `{made.source}`, SHA-256 `{made.sha256}`
- Size: N={made.half}, M={made.latent}, {made.parameters:,} parameters
- Weights' fingerprint: {made.weights}
- Tables: {_TABLES[made.tables]}
- Trained: by whoever made the checkpoint; it does not say for which distortion nor on which
  pictures. Lambda is from its name or from whoever imported it.

## Origin and licence

The layout is that of the public code, {_SOURCE}, which is
under the MIT licence (Copyright (c) 2023 jmliu206) and links to seven checkpoints of its authors
(MSE; N=64 at lambda {", ".join(LAMBDAS)}, N=128 at 0.05) without a
word on a licence of their own. Whether this is one of them is not known here. Weights of the
authors are theirs: cite their paper, and pass the file on under the terms they give. The licence
of encodepth's own weights does not cover it.
"""
