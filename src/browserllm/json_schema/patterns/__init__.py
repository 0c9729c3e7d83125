"""ECMAScript's regular expressions, written by anybody: read once, and matched in time that is linear in the text."""
