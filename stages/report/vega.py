"""The script that draws Vega-Lite charts, so that `dvc plots` needs no network (.dvc/plots.html loads it)."""

from pathlib import Path

from stages.common.data.files import write_bytes

VEGA_LITE = "5.20"  # of the version that DVC's charts are written in


def write_vega(path: Path) -> None:
    """Write Vega, Vega-Lite and Vega-Embed as one script, 0.9 MB, which gives pages `vegaEmbed`."""
    import vl_convert

    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed", vl_version=VEGA_LITE)
    write_bytes(path, script.encode())
