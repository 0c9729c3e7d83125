"""What counts as an empty text: one that shows nothing, whatever characters it has.

Pages decide it in the same way (`web/react/src/blank.ts`).
"""

from __future__ import annotations

import re

_INVISIBLE = (
    # Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt): zero-width characters, joiners, byte order
    # marks, marks of direction, selectors of variants, fillers and tags.
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # Controls, and Braille's pattern without dots.
    "\u0000-\u001f\u007f-\u009f\u2800"
)
_BLANK = re.compile(rf"[\s{_INVISIBLE}]*")


def is_blank(text: str) -> bool:
    """Return whether a text shows nothing: it is empty, or has only spaces and characters that cannot be seen."""
    return _BLANK.fullmatch(text) is not None
