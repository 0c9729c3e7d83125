"""The module's settings: each is read, and a wrong one is named when the module is mounted."""

from __future__ import annotations

from typing import Any

import pytest
from amplifier_core.llm_errors import ConfigurationError

import browserllm as bl
from browserllm.amplifier import BrowserLLMProvider
from browserllm.amplifier.settings import Settings, read_settings


def test_texts_of_a_setup_dialog_are_read() -> None:
    settings = read_settings(
        {
            "default_model": " pocket ",
            "fallback": "qwen3-0.6b, openai:gpt-5-mini",
            "private": "true",
            "use_streaming": "no",
            "temperature": "0.7",
            "max_output_tokens": "100",
            "reasoning_effort": "minimal",
            "priority": 1,
            "engine": None,
        }
    )
    assert settings == Settings(
        model="pocket",
        fallback=("qwen3-0.6b", "openai:gpt-5-mini"),
        private=True,
        use_streaming=False,
        temperature=0.7,
        max_tokens=100,
        thinking="low",
    )


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"modle": "pocket"}, "unknown setting 'modle' of provider-browserllm; did you mean 'model'"),
        ({"colour": 1}, "unknown setting 'colour'.*choose from: backend, model"),
        ({"model": 3}, "model=3 is not valid.*as in 'pocket'"),
        ({"model": " "}, "model=' ' is not valid"),
        ({"fallback": 3}, "fallback=3 is not valid.*write a list"),
        ({"fallback": ["gpt:x"]}, "unknown vendor 'gpt' in fallback='gpt:x'.*anthropic"),
        ({"private": "maybe"}, "private='maybe' is not valid.*true or false"),
        ({"temperature": "warm"}, "temperature='warm' is not valid.*a number"),
        ({"temperature": float("nan")}, "temperature=nan is not valid"),
        ({"temperature": True}, "temperature=True is not valid"),
        ({"top_k": 1.5}, "top_k=1.5 is not valid.*whole number"),
        ({"thinking": "hard"}, "thinking='hard' is not valid.*'medium'"),
        ({"backend": "pocket"}, "backend='pocket' is not valid.*in a file of settings use 'model'"),
        ({"backend": bl.ScriptedBackend(), "engine": "webllm"}, "engine='webllm' has no effect with 'backend'"),
        ([], r"config=\[\] is not valid.*a mapping"),
    ],
)
def test_a_wrong_setting_is_named(config: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        BrowserLLMProvider(config)
    assert raised.value.provider == "browserllm"
