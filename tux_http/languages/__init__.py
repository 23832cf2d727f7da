"""The languages that people are answered in, and which of them a person or a server reads."""

from tux_http.languages.choice import COMPLETE, language_for, language_of
from tux_http.languages.language import ENGLISH, N_, Language
from tux_http.languages.units import age, duration, size

__all__ = [
    "COMPLETE",
    "ENGLISH",
    "N_",
    "Language",
    "age",
    "duration",
    "language_for",
    "language_of",
    "size",
]
