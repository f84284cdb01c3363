"""Pieces of Markdown."""


def table(head, rows):
    """A table. head: list of str; rows: lists of as many str."""
    return "\n".join("| " + " | ".join(_cell(text) for text in row) + " |"
                     for row in [head, ["---"] * len(head)] + rows)


def _cell(text):
    return " ".join(str(text).split()).replace("|", "\\|")


def code(text):
    """`text` as inline code."""
    return "`{}`".format(str(text).replace("`", "'"))
