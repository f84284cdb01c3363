"""Generated blocks of a Markdown page: what stands between `<!-- report:NAME -->` and `<!-- /report -->`."""

import re

from runs.errors import UserError

OPENING = re.compile(r"<!--\s*report:\s*(\S*?)\s*-->$")
CLOSING = re.compile(r"<!--\s*/report\s*-->$")
ANY = re.compile(r"<!--\s*(report:|/report)")
FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)$")
INLINE_CODE = re.compile(r"`[^`]*`")


def rewritten(text, page, render, only=None):
    """(text with its blocks filled, names of the blocks that changed).

    text: of the page; what is outside the markers stays as it is. page: its
    name, for messages. render: a function from a block's name to its lines as
    one str, which raises UserError on an unknown name. only: the one name that
    is filled; None: all. Markers stand alone on their lines; in code they are
    text. Raises UserError for an unclosed, stray or misplaced marker.
    """
    written, changed, fence, name, start, old = [], [], None, None, 0, []
    for number, line in enumerate(text.splitlines(True), start=1):
        bare = line.strip()
        if name is not None:
            if OPENING.match(bare):
                break
            if not CLOSING.match(bare):
                old.append(line)
                continue
            new = old if only not in (None, name) else _lines(render, name, page, start, line)
            if new != old:
                changed.append(name)
            written += new + [line]
            name, old = None, []
            continue
        written.append(line)
        fence, inside = _fence(fence, line)
        if inside:
            continue
        opening = OPENING.match(bare)
        if opening:
            name, start = opening.group(1), number
        elif ANY.search(INLINE_CODE.sub("", line)):
            raise UserError("{} line {}: {}".format(
                page, number, "<!-- /report --> closes no block" if CLOSING.match(bare)
                else "a report marker stands alone on its line"))
    if name is not None:
        raise UserError("{} line {}: block {} is not closed: give <!-- /report -->".format(page, start, name))
    return "".join(written), changed


def _lines(render, name, page, start, marker):
    """A block's lines, with the line ends of the page."""
    try:
        content = render(name)
    except UserError as error:
        raise UserError("{} line {}: {}".format(page, start, error)) from error
    end = "\r\n" if marker.endswith("\r\n") else "\n"
    return [line + end for line in content.rstrip("\n").split("\n")]


def _fence(fence, line):
    """(the fence that is open after this line, whether the line belongs to fenced code)."""
    found = FENCE.match(line.rstrip("\r\n"))
    if fence is None:
        return (found.group(1), True) if found else (None, False)
    closes = found and found.group(1).startswith(fence) and not found.group(2).strip()
    return (None if closes else fence), True
