"""Texts in the cells of exported files, which people open in spreadsheets."""

# Spreadsheets run a cell as a formula if it begins with one of these; some accept the full-width characters too.
FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"
DIGITS = "0123456789"


def escape_formula(text: str) -> str:
    """The text, prefixed with an apostrophe if a spreadsheet would run it as a formula."""
    return "'" + text if text[:1] and text[0] in FORMULA_STARTS and not _is_e164(text) else text


def _is_e164(text: str) -> bool:
    """A plus sign and digits. It stays unchanged."""
    return text.rstrip(DIGITS) == "+"
