"""Recipes: what is trained, on what, how. TOML in, frozen dataclasses out, nothing guessed.

Every field has its default here, so a recipe says only what is its own; `Recipe.resolved` is what a
run folder keeps. An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Distortion = Literal["mse", "ms-ssim", "comprehensive"]
MSE_SCALE = 255.0**2  # lambda's unit in LIC-TCM: distortion of 8-bit samples (thesis eq. 17)


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} is {value}; it must be above 0")


@dataclass(frozen=True)
class Model:
    """What is trained.

    Attributes:
        family: "base", the default model, "restore", the network that restores AV1's depth,
            "restore-color", the one that restores its colour, or "tcm", the thesis's.
        size: base: "default" or "tiny".
        row: tcm: a row of `thesis.rows`, "-small" or another of its variants after it varies it.
        init: checkpoint or weights whose tensors training starts from; "{lmbda}" in the path is
            replaced by the lambda being trained. For tcm's convolutional fusion it is the trained
            baseline, which is then frozen (thesis section 3.5). For tcm it may be a checkpoint of
            the public LIC-TCM code, and weights of colour start a row of depth.
        grow: tcm: `init` may be of a plainer row: what it lacks starts at zero where it is input
            channels of a convolution, at weighing nothing where it is gated prompts, else fresh.
        init_lambda: tcm: the lambda that `init` was trained for, if it is not this run's; the steps
            of the latent follow (`thesis.rescale`). 0 takes them as they are.
        start: tcm without `init`: "random" weights, or "linear", a transform codec fitted to the
            first crops (`thesis.linear`).
        frozen: tensors whose name starts with one of these are not trained.
        widths: restore, restore-color: channels at half, quarter and eighth resolution; the shipped
            network's if empty, as `blocks`.
        blocks: restore, restore-color: residual blocks at half and quarter resolution on the way
            down, at eighth, at quarter and half on the way up.
        teachers: restore, restore-color: networks, by name or file, whose mean estimate is learned
            instead of the error itself (`train.taught`).
    """

    family: Literal["base", "restore", "restore-color", "tcm"] = "base"
    size: Literal["default", "tiny"] = "default"
    row: str = "rgb"
    init: str = ""
    grow: bool = False
    init_lambda: float = 0.0
    start: Literal["random", "linear"] = "random"
    frozen: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()
    teachers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.init_lambda < 0 or (self.init_lambda and not self.init):
            raise ValueError("init_lambda is the lambda above 0 of the weights in init")
        if self.init_lambda and self.family != "tcm":
            raise ValueError("init_lambda is for the tcm family")
        for name, count in (("widths", 3), ("blocks", 5)):
            if len(getattr(self, name)) not in (0, count):
                raise ValueError(f"{name} are {count} whole numbers; see networks/restorer.py")
        if self.family not in ("restore", "restore-color") and (
            self.widths or self.blocks or self.teachers
        ):
            raise ValueError("widths, blocks and teachers are for networks that restore")


@dataclass(frozen=True)
class Source:
    """Where pictures come from.

    Attributes:
        kind: "photos", a folder of colour pictures; "pairs", RGB-D pairs in any layout that
            `encodepth data check` knows; "generated", random rooms made when training starts.
        path: below `data.root`; may hold * and ?. For "generated": photographs used as textures.
        share: weight of this source in the mix; shares need not sum to one.
        exclude: files left out, patterns matched against the colour file's path below `data.root`.
        every: take every n-th picture of a folder only; neighbours are near duplicates.
        limit: take at most so many pictures of each folder, 0 for all.
        count: "generated": how many scenes.
        seed: "generated": of the first scene.
        size: "generated": height and width.
        sensors: "generated": taken in turn; "none" is exact depth.
        versions: how often each picture is coded where that is done ahead (`ahead`).
        group: pictures that are coded ahead as a group of a recording: of one whose frames are the
            source's in order, or of views that move over photographs; 0 codes stills.
        efforts: of groups, drawn evenly.
    """

    kind: Literal["photos", "pairs", "generated"]
    path: str = ""
    share: float = 1.0
    exclude: tuple[str, ...] = ()
    every: int = 1
    limit: int = 0
    count: int = 0
    seed: int = 0
    size: tuple[int, int] = (480, 640)
    sensors: tuple[Literal["none", "kinect", "realsense", "tof", "lidar"], ...] = ("none",)
    versions: int = 4
    group: int = 0
    efforts: tuple[int, ...] = (7, 8, 8)

    def __post_init__(self) -> None:
        if self.kind == "generated" and self.count < 1:
            raise ValueError("a generated source needs count, how many scenes")
        if self.kind != "generated" and not self.path:
            raise ValueError(f"a source of {self.kind} needs a path")
        _positive("share", self.share)
        _positive("every", self.every)
        _positive("versions", self.versions)
        if self.group and not self.efforts:
            raise ValueError("groups need an effort")
        if self.group < 0 or (self.group and self.kind == "generated"):
            raise ValueError("group is for recordings and photographs, how many pictures or 0")


@dataclass(frozen=True)
class Ahead:
    """How AV1 codes pictures ahead of training the networks that restore them.

    Speeds, tunes, shrunk copies and what validation takes are colour's.

    Attributes:
        qualities: lowest and highest; of colour libavif's, of depth those that a file is asked for.
        speeds: libaom's, drawn evenly; one that stands here twice is drawn twice as often.
        tunes: what libaom tunes for, drawn evenly.
        shrunk: share of a picture's codings that are of a smaller copy.
        validation: (speed, tune) that the validation pictures take in turn.
    """

    qualities: tuple[int, int] = (5, 95)
    speeds: tuple[int, ...] = (4, 5, 6, 7, 8)
    tunes: tuple[Literal["psnr", "ssim"], ...] = ("psnr", "ssim")
    shrunk: float = 0.0
    validation: tuple[tuple[int, str], ...] = ((6, "ssim"), (6, "psnr"))

    def __post_init__(self) -> None:
        low, high = self.qualities
        if not 0 <= low <= high <= 100:
            raise ValueError(f"qualities are {low} to {high}; expected 0 <= low <= high <= 100")
        if not (self.speeds and self.tunes and self.validation):
            raise ValueError("speeds, tunes and validation need one entry each")


@dataclass(frozen=True)
class Data:
    """Training and validation pictures.

    Attributes:
        root: folder that the sources' paths start from.
        train: mixed by their shares.
        validation: every picture is used, cut from the centre to at most `validation_size`.
        crop: side of a training crop, a multiple of 64.
        depth_range: what depth is divided by: "frame" maps a frame's valid minimum to 0 and its
            maximum to 1; "65535" is the thesis's.
        bad: a file that cannot be used is named and left out ("skip"), or ends the run ("refuse").
        doubtful: a pair that can be used but looks wrong (its unit, 8 bits in a 16-bit file) is
            named and used, left out, or ends the run.
        packs: folder for memory-mapped copies of decoded frames, made once; shared by runs.
        min_valid: share of a depth map that must be measured for the pair to be used.
        guide: tcm: what a fusion model sees beside its target, the picture's "own" other modality
            or that of "another" picture: the control that has the capacity and not the information.
        workers: processes that prepare batches; 0 prepares them in the training process.
    """

    root: str = "."
    train: tuple[Source, ...] = ()
    validation: tuple[Source, ...] = ()
    crop: int = 256
    validation_size: tuple[int, int] = (448, 640)
    depth_range: Literal["frame", "65535"] = "frame"
    bad: Literal["skip", "refuse"] = "skip"
    doubtful: Literal["use", "skip", "refuse"] = "use"
    packs: str = "out/packs"
    min_valid: float = 0.1
    guide: Literal["own", "another"] = "own"
    workers: int = 1

    def __post_init__(self) -> None:
        if self.crop < 64 or self.crop % 64:
            raise ValueError(f"crop is {self.crop}; it must be a multiple of 64")
        if not self.train:
            raise ValueError("no training data; add a [[data.train]]")


@dataclass(frozen=True)
class Augment:
    """Changes to a crop, each with its probability."""

    rescale: float = 0.0  # colour only: shrink a crop up to twice as large
    flip_x: float = 0.5
    flip_y: float = 0.0
    transpose: float = 0.0


@dataclass(frozen=True)
class Loss:
    """Rate + lambda * scale * distortion, per picture (thesis eq. 16, 17).

    Attributes:
        distortion: "mse", "ms-ssim" (1 - MS-SSIM) or "comprehensive" (thesis eq. 24).
        lambdas: tcm: one run each, one weights file each. The default model has its own range.
        scale: 0 takes 255^2 for "mse" and "comprehensive" and 1 for "ms-ssim", as LIC-TCM does.
        gamma: weight of the L1 term of eq. 24.
        structure: weight of the MS-SSIM term of eq. 24; its source halves it.
        holes: depth: "ignore" measures valid pixels only; "zero" codes holes as depth 0 and
            measures every pixel, as the thesis does.
        power: a picture's loss is weighted by (reference / lambda)^power, so that high rates do
            not drown low ones when lambda is drawn per picture.
        reference: lambda at which that weight is 1.
        root: above 0, the loss is sqrt(cost + root): costly pictures and cheap ones, high rates
            and low ones then weigh alike, and what costs nothing stays out of it.
        edge: extra weight of valid pixels at depth jumps in the squared error.
        context_dropout: restore: share of steps in which depth trains without colour beside it.
    """

    distortion: Distortion = "mse"
    lambdas: tuple[float, ...] = ()
    scale: float = 0.0
    gamma: float = 0.1
    structure: float = 1.0
    holes: Literal["ignore", "zero"] = "ignore"
    power: float = 0.0
    reference: float = 0.01
    root: float = 0.0
    edge: float = 0.0
    context_dropout: float = 0.25

    @property
    def factor(self) -> float:
        """What lambda times distortion is multiplied with."""
        return self.scale or (1.0 if self.distortion == "ms-ssim" else MSE_SCALE)


@dataclass(frozen=True)
class Rate:
    """Tensors that learn at their own rate, for their values live on another scale.

    Attributes:
        match: pattern with * and ? for the tensor's name ("planes.color.g_s.*"); the first that
            fits decides.
        factor: of the recipe's learning rate.
    """

    match: str
    factor: float


@dataclass(frozen=True)
class Optimiser:
    """Adam or SOAP, and what surrounds it.

    Attributes:
        kind: "adam", or "soap" (`train.soap`), which wants about 2.5 times Adam's rate.
        betas: of Adam's moments.
        soap_betas: of the moments and covariances of the matrices that SOAP turns.
        soap_largest: longest side that SOAP turns; longer ones stay as they are.
        soap_every: steps from one update of a matrix's axes to the next.
        soap_rest: factor of the rate for tensors that stay in Adam under SOAP: depthwise kernels,
            biases, tables, gains.
        rates: tensors with a learning rate of their own.
        batch: pictures per step and process.
        accumulate: batches whose gradients are averaged before a step.
        clip: largest gradient norm.
        ema: decay of the averaged weights, reached after a short warm-up; 0 averages nothing.
        precision: "bf16" runs the float networks under autocast.
        compile: mode of torch.compile, empty for none.
        threads: of the network on a CPU, 0 leaves torch's choice.
        nan_patience: steps in a row with a loss or gradient that is no number, that are skipped
            before the run stops.
    """

    kind: Literal["adam", "soap"] = "adam"
    lr: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    soap_betas: tuple[float, float] = (0.95, 0.95)
    soap_largest: int = 640
    soap_every: int = 10
    soap_rest: float = 1.0
    rates: tuple[Rate, ...] = ()
    batch: int = 8
    accumulate: int = 1
    clip: float = 1.0
    ema: float = 0.0
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: Literal["", "default", "reduce-overhead", "max-autotune"] = ""
    threads: int = 0
    nan_patience: int = 0

    def __post_init__(self) -> None:
        for name in ("lr", "batch", "accumulate", "clip", "soap_every", "soap_rest"):
            _positive(name, getattr(self, name))
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema is {self.ema}; expected 0 <= ema < 1")


@dataclass(frozen=True)
class Schedule:
    """How long, and the learning rate over time.

    Attributes:
        steps: length of the run; 0 takes `epochs`.
        epochs: length in passes over as many crops as there are training pictures.
        warmup: steps over which the rate rises from zero.
        decay: steps at the end over which it falls linearly to `floor` of its value.
        milestones: epochs at which it is multiplied with `factor`.
    """

    steps: int = 0
    epochs: int = 0
    warmup: int = 0
    decay: int = 0
    floor: float = 0.01
    milestones: tuple[int, ...] = ()
    factor: float = 0.1

    def __post_init__(self) -> None:
        if (self.steps > 0) == (self.epochs > 0):
            raise ValueError("give the length either in steps or in epochs")
        for name in ("warmup", "decay"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 0 or more steps")


@dataclass(frozen=True)
class Validation:
    """Rate and distortion on the validation pictures, of the averaged weights if there are any."""

    every: int = 1000  # steps
    qualities: tuple[int, ...] = (10, 35, 60, 85)  # base only; a tcm model has one rate
    frames: int = 0  # at most so many, 0 for all

    def __post_init__(self) -> None:
        _positive("every", self.every)
        if self.frames < 0:
            raise ValueError(f"frames is {self.frames}; expected 0 or more")


@dataclass(frozen=True)
class Log:
    """What a run says and keeps.

    Attributes:
        every: steps per line of metrics.jsonl.
        checkpoint: steps per checkpoint.
        minutes: stop, resumable, after so many minutes; 0 runs to the end.
        tensorboard: write TensorBoard events too, if it is installed.
    """

    every: int = 50
    checkpoint: int = 500
    minutes: float = 0.0
    tensorboard: bool = True

    def __post_init__(self) -> None:
        _positive("every", self.every)
        _positive("checkpoint", self.checkpoint)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run."""

    name: str
    data: Data
    schedule: Schedule
    model: Model = Model()
    loss: Loss = Loss()
    augment: Augment = Augment()
    optimiser: Optimiser = Optimiser()
    validation: Validation = Validation()
    ahead: Ahead = Ahead()
    log: Log = Log()
    output: str = ""  # run folder; empty takes out/<name>
    seed: int = 1

    def __post_init__(self) -> None:
        if self.model.family == "tcm" and not self.loss.lambdas:
            raise ValueError("a tcm model has a fixed lambda; give loss.lambdas")
        if self.model.family != "tcm" and self.loss.lambdas:
            raise ValueError("this model draws its quality from its own range; drop loss.lambdas")
        kinds = {source.kind for source in self.data.train + self.data.validation}
        if "photos" in kinds and self.needs_depth:
            raise ValueError("a source of photos has no depth, which this model needs")

    @property
    def needs_depth(self) -> bool:
        """Whether training reads depth maps."""
        if self.model.family != "tcm":
            return self.model.family == "restore"
        return self.model.row.split("-small")[0].split("-light")[0] != "rgb"

    @property
    def folder(self) -> str:
        """Where the run is written."""
        return self.output or f"out/{self.name}"
