"""A text as a cell of a file that people open in a spreadsheet."""

# A spreadsheet runs a cell that begins so, some in the wide signs of East Asia too.
RUNS_AS_FORMULA = "=+-@\t\r\n＝＋－＠"
DIGITS = "0123456789"


def safe(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would run it as a formula."""
    return "'" + text if text[:1] and text[0] in RUNS_AS_FORMULA and not _is_number(text) else text


def _is_number(text: str) -> bool:
    """A plus and digits, as E.164 is: that stays as it is."""
    return text.rstrip(DIGITS) == "+"
