"""Scripts of the demo's videos: what the camera shows and what the narrator says, second by second."""

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from stages.common.data.files import read_yaml
from stages.demo.real import slide_shape
from stages.demo.voice import SAMPLE_RATE, Speech, speak

FPS = 25
WIDTH, HEIGHT = 1280, 720
DECOYS = ("photographs", "talking_head", "silent", "truncated", "short", "foreign", "famous", "soundless")
REAL = ("serous_carcinoma",)  # shown on a photographed slide only
SIZES = {"small": (14, DECOYS, 3, 2), "tiny": (3, ("photographs", "silent", "truncated", "short"), 2, 2)}


@dataclass(frozen=True)
class SlideView:
    """Where the camera looks: a slide, the centre as shares of its sides, and slide pixels per screen pixel."""

    slide: int
    x: float
    y: float
    scale: float


@dataclass(frozen=True)
class Shot:
    """A stretch of the video. `kind` is title, head, hold or move; times in seconds, multiples of 1/FPS."""

    kind: str
    start: float
    end: float
    view: SlideView | None = None
    target: SlideView | None = None
    text: str = ""


@dataclass(frozen=True)
class Gesture:
    """The cursor circles (x, y), in screen pixels, at `radius` from start to end."""

    start: float
    end: float
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Line:
    """One spoken sentence; `kind` is medical, roi or other; `tissue` is what it speaks of."""

    text: str
    kind: str
    tissue: str
    start: float
    speech: Speech


@dataclass
class Script:
    """All that a video is made from."""

    video_id: str
    field_name: str
    decoy: str
    seed: int
    slides: list[str] = field(default_factory=list)
    shots: list[Shot] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    gestures: list[Gesture] = field(default_factory=list)

    @property
    def now(self) -> float:
        """The end of the last shot, in seconds."""
        return self.shots[-1].end if self.shots else 0.0

    def add_shot(self, kind: str, seconds: float, **what: Any) -> None:
        """Append a shot of at least `seconds`, rounded up to whole frames."""
        frames = int(np.ceil(seconds * FPS))
        self.shots.append(Shot(kind, self.now, round(self.now + frames / FPS, 4), **what))


@functools.cache
def narration() -> dict[str, Any]:
    """The narrator's sentences and the list of videos, from narration.yaml."""
    tree: dict[str, Any] = read_yaml(Path(__file__).parent / "narration.yaml")
    return tree


def drawn() -> list[str]:
    """Classes of tissue that can be drawn."""
    return [name for name in narration()["tissues"] if name not in REAL]


def caption(tissue: str, rng: np.random.Generator) -> str:
    """One caption about `tissue`, of one or two sentences."""
    words = narration()["tissues"][tissue]
    statement = words["statements"][int(rng.integers(len(words["statements"])))]
    forms = (
        f"Histopathology image of {words['name']}, hematoxylin and eosin stain.",
        f"{words['name'].capitalize()}. {statement}",
        f"{statement} H&E, original magnification x200.",
        f"Microscopy showing {words['features'][int(rng.integers(len(words['features'])))]}.",
    )
    return forms[int(rng.integers(len(forms)))]


def cast(size: str) -> list[tuple[str, str, list[str], str]]:
    """Return (video id, field, tissues, decoy kind or "") for each video of the demo, decoys last."""
    count, decoys, tissues, _ = SIZES[size]
    rows = [
        (f"demo{n:02d}_{name.lower().replace(' ', '_')}", name, classes[:tissues], "")
        for n, (name, *classes) in enumerate(narration()["videos"][:count])
    ]
    rows += [(f"decoy{n}_{kind}", "Pulmonary", ["lung", "lung_adenocarcinoma"], kind) for n, kind in enumerate(decoys)]
    return rows


def write(video_id: str, field_name: str, tissues: list[str], decoy: str, seed: int, holds: int) -> Script:
    """Return the script of one video; the same arguments give the same script."""
    rng = np.random.default_rng([seed, *video_id.encode()])
    script = Script(video_id, field_name, decoy, int(rng.integers(2**31)))
    if decoy == "talking_head":
        _talk(script, rng, 5)
    elif decoy == "short":
        _visit(script, rng, tissues[0], 1)
    elif decoy:
        _opening(script, rng)
        places = ["photo:astronaut", "photo:china", "photo:coffee"] if decoy == "photographs" else tissues
        # Videos that their sidecar already rules out need not be long.
        for place in places[:1] if decoy in ("foreign", "famous") else places:
            _visit(script, rng, place, 2)
        _closing(script, rng)
    else:
        _opening(script, rng)
        for tissue in tissues[:-1]:
            _visit(script, rng, tissue, holds)
        _visit(script, rng, tissues[-1], 1)
        _closing(script, rng)
    return script


def _say(script: Script, rng: np.random.Generator, text: str, kind: str, tissue: str, after: float) -> float:
    """Add a line `after` seconds from the end of the video so far; return the seconds until the line has ended."""
    speech = speak(text, int(rng.integers(2**31)), float(rng.uniform(0.95, 1.08)))
    script.lines.append(Line(text, kind, tissue, round(script.now + after, 3), speech))
    return after + len(speech.samples) / SAMPLE_RATE


def _pick(rng: np.random.Generator, options: list[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _opening(script: Script, rng: np.random.Generator) -> None:
    seconds = _say(script, rng, _pick(rng, narration()["greetings"]), "other", "", 0.4)
    script.add_shot(_pick(rng, ["title", "head"]), seconds + 0.4, text=f"{script.field_name} pathology")


def _closing(script: Script, rng: np.random.Generator) -> None:
    seconds = _say(script, rng, _pick(rng, narration()["endings"]), "other", "", 0.3)
    script.add_shot(_pick(rng, ["title", "head"]), seconds + 0.5, text="Thank you")


def _talk(script: Script, rng: np.random.Generator, times: int) -> None:
    lines = narration()
    for group in ("greetings", "moves", "endings") * times:
        seconds = _say(script, rng, _pick(rng, lines[group]), "other", "", 0.3)
        script.add_shot("head", seconds + 0.3)


def _visit(script: Script, rng: np.random.Generator, place: str, holds: int) -> None:
    """A hard cut to a new slide of `place`, then holds with pans and zooms between them."""
    tissue = place.split(":")[0]
    script.slides.append(place)
    slide = len(script.slides) - 1
    words = narration()["tissues"].get(tissue)
    statements = list(rng.permutation(words["statements"])) if words else []
    last: SlideView | None = None
    for n in range(holds):
        scale = float(rng.choice([1.0, 0.5] if "real" in place else [2.0, 1.0] if n == 0 else [1.0, 0.5]))
        view = _on_slide(place, SlideView(slide, float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.3, 0.7)), scale))
        if last is not None:
            _move(script, rng, place, last, view)
        _hold(script, rng, view, tissue, statements, pointing=n == holds - 1 or bool(rng.random() < 0.15))
        last = view


def _on_slide(place: str, view: SlideView) -> SlideView:
    """`view`, shifted so far that it shows nothing beyond the slide's edge."""
    height, width = slide_shape(place)
    across, down = (min(0.5, side * view.scale / 2 / whole) for side, whole in ((WIDTH, width), (HEIGHT, height)))
    return replace(view, x=min(max(view.x, across), 1 - across), y=min(max(view.y, down), 1 - down))


def _move(script: Script, rng: np.random.Generator, place: str, origin: SlideView, target: SlideView) -> None:
    """Move between two views, sometimes with a stop that is too short for a hold, sometimes with a remark."""
    if rng.random() < 0.3:
        middle = _on_slide(place, SlideView(origin.slide, (origin.x + target.x) / 2, 1 - origin.y, origin.scale))
        script.add_shot("move", float(rng.uniform(1.0, 1.6)), view=origin, target=middle)
        script.add_shot("hold", float(rng.uniform(2.0, 2.3)), view=middle)
        origin = middle
    seconds = float(rng.uniform(1.2, 2.2))
    if rng.random() < 0.4:
        seconds = max(seconds, _say(script, rng, _pick(rng, narration()["moves"]), "other", "", 0.1) + 0.2)
    script.add_shot("move", seconds, view=origin, target=target)


def _hold(
    script: Script, rng: np.random.Generator, view: SlideView, tissue: str, statements: list[str], pointing: bool
) -> None:
    words = narration()["tissues"].get(tissue)
    seconds = 0.35
    if words:
        seconds = _say(script, rng, str(statements.pop()), "medical", tissue, seconds)
        if pointing:
            began = seconds + 0.35
            feature = _pick(rng, words["features"])
            seconds = _say(
                script, rng, _pick(rng, narration()["pointers"]).format(feature=feature), "roi", tissue, began
            )
            radius = float(rng.uniform(90, 170))
            x, y = rng.uniform(radius + 60, WIDTH - radius - 60), rng.uniform(radius + 40, HEIGHT - radius - 40)
            script.gestures.append(
                Gesture(round(script.now + began, 3), round(script.now + seconds, 3), float(x), float(y), radius)
            )
    else:
        seconds = _say(script, rng, _pick(rng, narration()["moves"]), "other", "", seconds) + 2
    script.add_shot("hold", max(seconds + 0.4, 3.8), view=view)
