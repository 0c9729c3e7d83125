"""An Idefics3 (SmolVLM's architecture) whose weights are set by hand, so that its answer depends on the image.

It names the colour of the last picture, or of the first one if the last such word in the chat is "first", and goes on
and on after the word "forever". It attends for that, as any transformer does, to what is in its KV cache.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from graph import BOOL, FLOAT, INT, Graph, tokenizer, value, write

LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
COLOURS = {
    "red": (1, -1, -1),
    "green": (-1, 1, -1),
    "blue": (-1, -1, 1),
    "yellow": (1, 1, -1),
    "white": (1, 1, 1),
    "black": (-1, -1, -1),
}
TILE, SIDE, TOKENS = 16, 32, 4
VISION_SPECIALS = ["[UNK]", "<end_of_utterance>", "<fake_token_around_image>", "<image>", "<global-img>"]
VISION_SPECIALS += [f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)]
VISION_WORDS = ["user", "assistant", "system", ":", "?", ".", "what", "colour", "is", "the", "first", "last", "forever"]
VISION_WORDS += [
    "picture",
    "image",
    "it",
    "and",
    "hi",
    "nothing",
    *COLOURS,
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
]

# The places of the residual stream: what each number of a vector means.
IMAGE, ORDER, ORDERS, FOREVER, ASK, ANSWER, POSITION, ONE, IS_FIRST, ON_AND_ON = range(6, 16)
D, HEAD = 24, 12
WINDOW = 4096
FOUND = 1e5  # what is looked for counts for more than being anywhere in the window, which is up to 10 a token
SEEN = 16  # here the attended picture's colours come to lie: 16 to 21

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ':' }}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>' }}{% else %}{{ ' ' + part['text'] }}{% endif %}{% endfor %}"
    "{{ '<end_of_utterance>\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
)


def make_vision(folder: Path) -> None:
    """Write an Idefics3 that names colours."""
    words = tokenizer(VISION_WORDS, VISION_SPECIALS, None)
    vocabulary: dict[str, int] = words["model"]["vocab"]
    end = vocabulary["<end_of_utterance>"]
    write_embed_tokens(folder / "onnx" / "embed_tokens.onnx", vocabulary)
    write_vision_encoder(folder / "onnx" / "vision_encoder.onnx")
    write_decoder(folder / "onnx" / "decoder_model_merged.onnx", vocabulary)
    write(folder / "tokenizer.json", words)
    made = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "eos_token": "<end_of_utterance>"}
    write(folder / "tokenizer_config.json", made | {"chat_template": TEMPLATE})
    text = {
        "model_type": "llama",
        "hidden_size": D,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": HEAD,
    }
    text |= {"num_hidden_layers": 2, "vocab_size": len(vocabulary), "max_position_embeddings": WINDOW}
    config = {"architectures": ["Idefics3ForConditionalGeneration"], "model_type": "idefics3", "text_config": text}
    write(
        folder / "config.json",
        config | {"image_token_id": vocabulary["<image>"], "vision_config": {"image_size": TILE}},
    )
    write(folder / "generation_config.json", {"eos_token_id": end})
    write(folder / "processor_config.json", {"image_seq_len": TOKENS, "processor_class": "Idefics3Processor"})
    image = {"image_processor_type": "Idefics3ImageProcessor", "processor_class": "Idefics3Processor"}
    image |= {"size": {"longest_edge": SIDE}, "max_image_size": {"longest_edge": TILE}, "resample": 1}
    image |= dict.fromkeys(("do_convert_rgb", "do_image_splitting", "do_normalize", "do_rescale", "do_resize"), True)
    half = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "rescale_factor": 1 / 255, "do_pad": True}
    write(folder / "preprocessor_config.json", image | half)


def write_embed_tokens(path: Path, vocabulary: dict[str, int]) -> None:
    """Give each word the marks that the decoder looks for."""
    table = np.zeros((len(vocabulary), D))
    table[:, ONE] = 1
    for word, order in (("first", 1), ("last", 0)):
        table[vocabulary[word], [ORDER, ORDERS]] = order, 1
    table[vocabulary["forever"], FOREVER] = 1
    table[vocabulary[":"], ASK] = 1
    table[[vocabulary[word] for word in (*COLOURS, "nothing")], ANSWER] = 1
    g = Graph()
    g("Gather", g.weight(table), "input_ids", to="inputs_embeds")
    inputs = [value("input_ids", INT, "batch_size", "sequence_length")]
    g.save(path, inputs, [value("inputs_embeds", FLOAT, "batch_size", "sequence_length", D)])


def write_vision_encoder(path: Path) -> None:
    """Say of each quarter of a tile how much it is of each colour, as a row for the decoder."""
    rows = np.zeros((3, D))
    for number, colour in enumerate(COLOURS.values()):
        rows[:, number] = np.array(colour) / 3
    marks = np.zeros(D)
    marks[[IMAGE, ONE]] = 1
    g = Graph()
    mask = g("Unsqueeze", g.cast("pixel_attention_mask", FLOAT), g.ints(2))
    tiles = g("Reshape", g("Mul", "pixel_values", mask), g.ints(-1, 3, TILE, TILE))
    quarters = g("AveragePool", tiles, kernel_shape=[TILE // 2, TILE // 2], strides=[TILE // 2, TILE // 2])
    quarters = g("Transpose", g("Reshape", quarters, g.ints(0, 3, TOKENS)), perm=[0, 2, 1])
    g("Identity", g.linear(quarters, rows, marks), to="image_features")
    pixels = value("pixel_values", FLOAT, "batch_size", "num_images", 3, "height", "width")
    seen = value("pixel_attention_mask", BOOL, "batch_size", "num_images", "height", "width")
    g.save(path, [pixels, seen], [value("image_features", FLOAT, "tiles", TOKENS, D)])


def write_decoder(path: Path, vocabulary: dict[str, int]) -> None:
    """Two layers of attention with two heads each, over a KV cache."""
    zeros = np.zeros((D, D))
    # The first head finds the last "first" or "last", the second whether there was a "forever".
    query1, key1, value1, out1 = zeros.copy(), zeros.copy(), zeros.copy(), zeros.copy()
    query1[ONE, [0, 1]] = 1
    key1[ORDERS, 0], key1[POSITION, 1] = FOUND, 10
    value1[ORDER, 0], out1[0, IS_FIRST] = 1, 1
    query1[ONE, [HEAD, HEAD + 1]] = 1
    key1[FOREVER, HEAD], key1[POSITION, HEAD + 1] = FOUND, 10
    value1[FOREVER, HEAD], out1[HEAD, ON_AND_ON] = 1, 1
    # The next one looks at a picture: the last one, or where it was asked for the first, that.
    query2, key2, value2, out2 = zeros.copy(), zeros.copy(), zeros.copy(), zeros.copy()
    query2[ONE, [0, 1]] = 1
    query2[IS_FIRST, 1] = -2
    key2[IMAGE, 0], key2[POSITION, 1] = FOUND, 10
    for number in range(len(COLOURS)):
        value2[number, number] = 1
        out2[number, SEEN + number] = 1
    layers = [(query1, key1, value1, out1), (query2, key2, value2, out2)]

    head = np.zeros((D, len(vocabulary)))
    for number, colour in enumerate(COLOURS):
        head[SEEN + number, vocabulary[colour]] = 10
    head[ONE, vocabulary["nothing"]] = 4
    head[ANSWER, vocabulary["<end_of_utterance>"]] = 100
    head[ON_AND_ON, vocabulary["<end_of_utterance>"]] = -200

    g = Graph()
    at = np.zeros(D)
    at[POSITION] = 1
    places = g("Unsqueeze", g.cast("position_ids", FLOAT), g.ints(2))
    x = g("Add", "inputs_embeds", g("Mul", places, g.weight(at)))
    total = g("Gather", g("Shape", "attention_mask"), g.weight(1, np.int64))
    every = g("Range", g.weight(0, np.int64), total, g.weight(1, np.int64))
    before = g("LessOrEqual", g("Unsqueeze", every, g.ints(0, 1)), g("Unsqueeze", "position_ids", g.ints(2)))
    away = g("Unsqueeze", g("Where", before, g.weight(0.0), g.weight(-1e9)), g.ints(1))
    split, joined = g.ints(0, 0, 2, HEAD), g.ints(0, 0, D)
    inputs, outputs = [], []
    for number, (query, key, val, out) in enumerate(layers):
        heads = [
            g("Transpose", g("Reshape", g.linear(x, each), split), perm=[0, 2, 1, 3]) for each in (query, key, val)
        ]
        kept = []
        for name, now in zip(("key", "value"), heads[1:], strict=True):
            kept.append(g("Concat", f"past_key_values.{number}.{name}", now, to=f"present.{number}.{name}", axis=2))
            inputs.append(
                value(f"past_key_values.{number}.{name}", FLOAT, "batch_size", 2, "past_sequence_length", HEAD)
            )
            outputs.append(value(f"present.{number}.{name}", FLOAT, "batch_size", 2, "total_sequence_length", HEAD))
        scores = g("MatMul", heads[0], g("Transpose", kept[0], perm=[0, 1, 3, 2]))
        mixed = g("MatMul", g("Softmax", g("Add", scores, away), axis=-1), kept[1])
        mixed = g("Reshape", g("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
        x = g("Add", x, g.linear(mixed, out))
    g("MatMul", x, g.weight(head), to="logits")
    first = [
        value("inputs_embeds", FLOAT, "batch_size", "sequence_length", D),
        value("attention_mask", INT, "batch_size", "total_sequence_length"),
        value("position_ids", INT, "batch_size", "sequence_length"),
    ]
    logits = value("logits", FLOAT, "batch_size", "sequence_length", len(vocabulary))
    g.save(path, [*first, *inputs], [logits, *outputs])
