"""Contact sheets: all clean images of a video on one picture, for people to look at."""

import io
from pathlib import Path

from PIL import Image, ImageDraw

from stages.common.data.files import write_bytes
from stages.common.data.tars import read_tar
from stages.common.incremental.runner import Item
from stages.common.tables.keyframes import HOLDS

ACROSS, WIDTH, TEXT = 4, 320, 34  # images in a row, pixels of each, pixels of the lines under it
FLAG = "flag_"  # how the columns of flags begin
SIZES = {0: "up to 10x", 1: "20x", 2: "over 20x"}  # classes of magnification
SPOILT = 0.5  # probability from which a flag is named


def sheet(item: Item, scratch: Path) -> None:
    """Write ID.png: each hold's image with its times, magnification class, probability and flags."""
    holds = HOLDS.read(Path(item.data["holds"]))
    images = read_tar(Path(item.data["images"]), holds.image)
    height = round(WIDTH * holds.height.iloc[0] / holds.width.iloc[0])
    rows = -(-len(holds) // ACROSS)
    page = Image.new("RGB", (ACROSS * WIDTH, rows * (height + TEXT)), "white")
    pen = ImageDraw.Draw(page)
    for place, hold in enumerate(holds.to_dict("records")):
        left, top = place % ACROSS * WIDTH, place // ACROSS * (height + TEXT)
        image = Image.open(io.BytesIO(images[hold["image"]]))
        image.thumbnail((WIDTH - 4, height - 4))
        page.paste(image, (left + 2, top + 2))
        flags = ", ".join(name[len(FLAG) :] for name in hold if name.startswith(FLAG) and hold[name] >= SPOILT)
        times = f"{hold['start_s']:.1f} to {hold['end_s']:.1f} s"
        size = SIZES.get(hold["magnification"], "size unknown")
        pen.text((left + 4, top + height), f"{times}, {size}, p {hold['histology_prob']:.2f}", fill="black")
        pen.text(
            (left + 4, top + height + 14),
            flags or f"blur {hold['blur']:.2f}, background {hold['background']:.2f}",
            fill="grey",
        )
    page.save(buffer := io.BytesIO(), "PNG")
    write_bytes(scratch / f"{item.id}.png", buffer.getvalue())
