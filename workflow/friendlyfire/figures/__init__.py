"""Figures and their captions, from tables."""


def file_of(figure: str, table: str) -> str:
    """Return the name of the file of a figure's table."""
    return f"{figure}.csv" if table == "numbers" else f"{figure}-{table}.csv"
