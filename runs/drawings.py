"""How a picture of records is written: once for the same records and the same code.

matplotlib is imported only where something is drawn.
"""

import hashlib
import io
import json
import pathlib

from runs.errors import UserError
from runs.files import atomic_write, user_errors

DPI = 160


def name_of(sources, shown):
    """Names what is drawn and how, so that another matplotlib's other pixels are no change.

    sources: the files of the code that draws; shown: what JSON can hold of the records.
    """
    digest = hashlib.sha256(b"".join(pathlib.Path(source).read_bytes() for source in sources))
    digest.update(json.dumps(shown).encode("utf-8"))
    return "records-sha256:" + digest.hexdigest()


def holds(path, name):
    """Whether the picture at `path` is the one of this name."""
    try:
        return name.encode("ascii") in path.read_bytes()
    except OSError:
        return False


def write(path, name, size, font, fill):
    """Writes the picture of a name, a PNG.

    size: inches; font: points; fill: a function that draws on a
    matplotlib.figure.Figure. Raises UserError where matplotlib is missing or
    the disk refuses.
    """
    try:
        import matplotlib
        from matplotlib import style
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError("the plots need matplotlib: python -m pip install matplotlib") from error
    # The user's own style must not change committed pictures.
    with matplotlib.rc_context(), style.context("default", after_reset=True):
        matplotlib.rcParams.update({"font.size": font, "axes.spines.top": False, "axes.spines.right": False})
        figure = Figure(figsize=size, dpi=DPI)
        FigureCanvasAgg(figure)
        fill(figure)
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None, "Description": name})
    with user_errors("cannot write {}".format(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, file.getvalue())
