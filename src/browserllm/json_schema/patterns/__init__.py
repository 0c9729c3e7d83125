"""ECMAScript's regular expressions from untrusted sources: parsed once, and matched in linear time."""
