"""Trains the tokenizer: byte-level BPE of exactly `CONFIG.vocab_size` entries, on text the generator wrote.

Two choices help a tiny model copy. Digits stand alone. And a capitalised word never swallows the space before it, so
"Oslo" in a sentence and in a JSON string are the same tokens.
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from config import CONFIG, DIST
from data import conversation, render
from words import Source

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
VISIBLE = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<tools>", "</tools>")
"""Added, but not special: they stay in decoded text, where the caller's parser looks for them."""
PATTERN = (
    r"\p{N}"  # every digit alone
    r"| ?\p{Ll}+"  # lower-case words take their space along
    r"|\p{Lu}?\p{Ll}+|\p{L}+"  # capitalised and other words do not
    r"| ?[^\s\p{L}\p{N}]+"  # punctuation
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TRAINING_CONVERSATIONS = 30_000


def build_tokenizer(conversations: int = TRAINING_CONVERSATIONS) -> Tokenizer:
    """Return a freshly trained tokenizer; the same for the same generator."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=CONFIG.vocab_size - len(VISIBLE),
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    source = Source(seed=1_000_003)
    texts = []
    for _ in range(conversations):
        text = "".join(text for text, _ in render(conversation(source)))
        for marker in SPECIAL + VISIBLE:
            text = text.replace(marker, "\n")
        texts.append(text)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=False) for text in VISIBLE])
    if tokenizer.get_vocab_size() != CONFIG.vocab_size:
        raise ValueError(f"expected {CONFIG.vocab_size!r} entries, got {tokenizer.get_vocab_size()!r}")
    return tokenizer


def load_tokenizer(path: Path = DIST / "tokenizer.json") -> Tokenizer:
    """Return the committed tokenizer."""
    return Tokenizer.from_file(str(path))


def letter_pieces(tokenizer: Tokenizer) -> list[str]:
    """Return the pieces of words among the tokens, in lower case and without their space, sorted."""
    texts = (token.removeprefix("Ġ").lower() for token in tokenizer.get_vocab())
    return sorted({text for text in texts if text.isascii() and text.isalpha()})


if __name__ == "__main__":
    DIST.mkdir(exist_ok=True)
    trained = build_tokenizer()
    trained.save(str(DIST / "tokenizer.json"))
    for sample in ("Why is the sky blue?", '{"city": "Oslo"}', "Zoë ❤ 日本 \t\n  x", "<tool_call>\n{}"):
        ids = trained.encode(sample).ids
        assert trained.decode(ids, skip_special_tokens=True) == sample, sample
        print(len(ids), trained.encode(sample).tokens)
