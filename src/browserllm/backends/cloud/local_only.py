"""Checks that a private request to a server on this machine stays on it, by the final request and by asking the server.

A program declares that a server on a loopback address keeps requests on the device (``leaves_device=False``; assumed
for Ollama's own API). Still, many servers forward a request if an option says so: another model's name, a list of
fallbacks, a provider, a header. Such options cannot all be listed, so there is an allowlist (`KNOWN`) of harmless
options, and a private request with any other added option is refused. Before it sees the prompt, the server is also
asked where the model runs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast

import msgspec

from ..._internal.http.client import HttpResponse
from ..._internal.nesting import decode_json

Send = Callable[[str, str, bytes | None], Awaitable[HttpResponse]]
"""Sends a method, an address and a body to the backend's server."""

KNOWN = frozenset(
    """
    model stream stream_options include_usage user seed n temperature top_p top_k top_a min_p typical_p tfs_z
    dynatemp_range dynatemp_exponent xtc_probability xtc_threshold mirostat mirostat_tau mirostat_eta repeat_penalty
    repetition_penalty repeat_last_n penalize_nl penalize_newline presence_penalty frequency_penalty dry_multiplier
    dry_base dry_allowed_length dry_penalty_last_n dry_sequence_breakers length_penalty logprobs top_logprobs
    prompt_logprobs n_probs post_sampling_probs min_keep samplers max_tokens max_completion_tokens max_output_tokens
    min_tokens n_predict num_predict stop stop_sequences stop_token_ids include_stop_str_in_output ignore_eos
    bad_words truncate shift truncate_prompt_tokens skip_special_tokens spaces_between_special_tokens
    add_special_tokens add_generation_prompt continue_final_message parallel_tool_calls
    num_ctx num_keep num_batch num_gpu main_gpu num_thread numa low_vram f16_kv vocab_only use_mmap use_mlock
    keep_alive ttl cache_prompt cache_salt id_slot n_keep priority timings_per_token t_max_predict_ms
    think thinking type budget_tokens thinking_budget thinking_budget_tokens enable_thinking reasoning_effort
    reasoning_format include_reasoning reasoning effort enabled display verbosity chat_template_kwargs options
    generationConfig temperature topP topK candidateCount maxOutputTokens stopSequences presencePenalty
    frequencyPenalty responseLogprobs thinkingConfig thinkingBudget thinkingLevel includeThoughts responseMimeType
    """.split()  # noqa: SIM905 (one name to the line would be a page)
)
"""The option names that a request may contain, at any depth: sampling, stopping, use of the device. The names are those
of Ollama, llama.cpp, vLLM and LM Studio, and of the vendor formats that these support."""

SHAPES = frozenset(
    {
        "response_format",
        "format",
        "json_schema",
        "grammar",
        "guided_json",
        "logit_bias",
        "guided_regex",
        "guided_choice",
        "guided_grammar",
        "structured_outputs",
        "responseSchema",
        "responseJsonSchema",
    }
)
"""Known names whose value is a schema, a grammar or a table of tokens."""

_OF_SHAPES = frozenset(
    """
    type json_schema name strict schema description grammar value syntax definition structures triggers begin end format
    structural_tag json json_object regex choice whitespace_pattern disable_fallback disable_any_whitespace
    disable_additional_properties tags content at_least_one stop_after_first

    title $schema $id $ref $defs $anchor $comment definitions properties required additionalProperties patternProperties
    propertyNames propertyOrdering minProperties maxProperties unevaluatedProperties unevaluatedItems dependentRequired
    dependentSchemas items prefixItems additionalItems contains minContains maxContains minItems maxItems uniqueItems
    anyOf oneOf allOf not if then else enum const default example examples nullable deprecated readOnly writeOnly
    minLength maxLength pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf contentEncoding
    contentMediaType
    """.split()  # noqa: SIM905
)
"""Names allowed in a shape: the fields that vendors wrap a schema or grammar in, and the keywords of JSON Schema."""

_AROUND = frozenset({"json_schema", "schema", "json", "grammar", "structural_tag", "structures", "format", "tags"})
"""Names in a shape whose value is another shape."""

_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_SAID = frozenset({"messages", "contents", "prompt", "input", "system", "systemInstruction"})
"""The fields of a body with the conversation, where ``$ref`` is only text."""

_NAMING = re.compile("model|provider|rout|fallback|deploy|engine|target|upstream|forward|host|url|uri|proxy|base|cloud")
"""Parts of option and header names that select a destination, in any spelling."""
_IN_SCHEMAS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "enum", "const", "default", "examples"}
)
"""Where the names in a schema are the program's own."""

_KEY_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
_PLAIN_HEADERS = frozenset(
    {
        "accept",
        "accept-language",
        "anthropic-version",
        "content-type",
        "http-referer",
        "openai-organization",
        "openai-project",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-request-id",
        "x-title",
    }
)

_GATEWAYS = ("x-litellm-", "x-portkey-", "cf-aig-", "helicone-", "x-openrouter-")
"""Header prefixes of gateways, which only forward requests."""

_VENDORS = frozenset(
    """
    openai anthropic google gemini azure azure_ai bedrock amazon vertex_ai mistralai mistral
    cohere groq openrouter together together_ai xai deepseek perplexity fireworks fireworks_ai replicate ollama.com
    """.split()  # noqa: SIM905
)
_REMOTE_FIELDS = (
    "remote_host",
    "remote_model",
    "remote_url",
    "api_base",
    "litellm_params",
    "litellm_provider",
    "pricing",
)


def is_ollama_cloud_model(model: str) -> bool:
    """Return whether Ollama forwards this model to its cloud: the name has ``cloud`` as a word, or in its tag.

    As a tag or in one, before a digest, at the end of a name: ``x:cloud``, ``x:7b-cloud``, ``x:cloud-q4``,
    ``x:cloud@sha256:1``.
    """
    name = unicodedata.normalize("NFKC", model).strip().casefold()
    tag = re.split("[:@]", name.rpartition("/")[2], maxsplit=1)[1:]
    return any("cloud" in part for part in tag) or "cloud" in re.split(r"[^a-z0-9]+", name)


def merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with ``extra`` merged in; ``extra`` wins, and objects are merged."""
    return _merged(body, _plain(extra))


def _merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(body)
    for key, value in extra.items():
        ours = result.get(key)
        both = isinstance(ours, dict) and isinstance(value, Mapping)
        result[key] = _merged(cast("dict[str, Any]", ours), cast("Mapping[str, Any]", value)) if both else value
    return result


def _plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object as its JSON has it, each name once and as text, so that the check sees what is sent."""
    return cast("dict[str, Any]", msgspec.json.decode(msgspec.json.encode(body)))


def forwarding_risk(extra_body: Mapping[str, Any], headers: Iterable[str], own_headers: Iterable[str] = ()) -> str:
    """Return why a server could forward a private request with these additions, or an empty text.

    ``own_headers`` are the wire format's own headers for the key.
    """
    own = {name.lower() for name in own_headers if not name.lower().startswith(_GATEWAYS)}
    for name in headers:
        if name.lower() not in _PLAIN_HEADERS | _KEY_HEADERS | own:
            return f"the header {name!r} may tell the server to forward it"
    for path in _unknown(_plain(extra_body), ""):
        return f"extra_body has {path!r}, which may tell the server to forward it"
    return remote_reference({name: value for name, value in extra_body.items() if name in SHAPES})


def remote_reference(body: Mapping[str, Any]) -> str:
    """Return which part of a schema in this body a server would fetch from another server, or an empty text."""
    for name, value in body.items():
        for where, reference in () if name in _SAID else _references(value, name):
            return f"{where!r} is {reference[:100]!r}, which the server would fetch; put that part into the schema"
    return ""


def _references(value: Any, path: str) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in cast("Mapping[str, Any]", value).items():
            if name in _REFERENCES and isinstance(inner, str) and not inner.startswith("#"):
                yield f"{path}.{name}", inner
            else:
                yield from _references(inner, f"{path}.{name}")
    elif isinstance(value, (list, tuple)):
        for inner in cast("list[Any]", value):
            yield from _references(inner, path)


def _unknown(value: Any, path: str) -> Iterable[str]:
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            where = f"{path}.{name}" if path else name
            if name == "logit_bias":
                yield from _naming(inner, where)
            elif name in SHAPES:
                yield from _unknown_in_shape(inner, where)
            elif name not in KNOWN or (name == "model" and (path or not isinstance(inner, str))):
                yield where
            else:
                yield from _unknown(inner, where)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _unknown(inner, path)


def _unknown_in_shape(value: Any, path: str) -> Iterable[str]:
    """Yield the paths of names that belong neither to a schema or grammar nor to its wrapper."""
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            where = f"{path}.{name}"
            if name not in _OF_SHAPES:
                yield where
            elif name in _AROUND:
                yield from _unknown_in_shape(inner, where)
            elif name not in _IN_SCHEMAS:
                yield from _naming(inner, where)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _unknown_in_shape(inner, path)


def _naming(value: Any, path: str) -> Iterable[str]:
    """Yield the paths of names in a schema or grammar that could select another model or destination."""
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            if _NAMING.search(re.sub(r"[^a-z]", "", name.casefold())):
                yield f"{path}.{name}"
            elif name not in _IN_SCHEMAS:
                yield from _naming(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _naming(inner, path)


async def remote_location(send: Send, base_url: str, models_url: str, model: str) -> str:
    """Ask a server on this machine whether a model runs elsewhere; return where, or an empty text if it does not say.

    Asks Ollama's endpoint (``/api/show``) and the list of models. If a server supports neither, the program's
    declaration stands.
    """
    show_url = f"{re.sub('/v1(beta)?$', '', base_url)}/api/show"
    for method, url, body in (("POST", show_url, msgspec.json.encode({"model": model})), ("GET", models_url, None)):
        response = await send(method, url, body)
        try:
            for name in response.headers:
                if name.lower().startswith(_GATEWAYS):
                    return f"another server: this one is a gateway ({name})"
            content = await response.read() if response.status == 200 else b"{}"
        finally:
            await response.aclose()
        try:
            told: Any = decode_json(content, object)
        except (ValueError, RecursionError):
            continue
        if there := _elsewhere(told, model):
            return there
    return ""


def _elsewhere(told: Any, model: str) -> str:
    """Return where a model runs according to a server's answer about it, if that is not on this machine."""
    if not isinstance(told, dict):
        listed: Any = told
    else:
        fields = cast("dict[str, Any]", told)
        if there := _remote(fields):
            return there
        listed = fields.get("data") or fields.get("models")
    for entry in cast("list[Any]", listed) if isinstance(listed, list) else []:
        if isinstance(entry, dict):
            fields = cast("dict[str, Any]", entry)
            if model in (fields.get("id"), fields.get("name"), fields.get("model")) and (there := _remote(fields)):
                return there
    return ""


def _remote(fields: Mapping[str, Any]) -> str:
    for name in _REMOTE_FIELDS:
        if fields.get(name):
            return f"{name} {str(fields[name])[:100]!r}"
    owner = fields.get("owned_by")
    return f"{owner!r}, who owns it" if isinstance(owner, str) and owner.casefold() in _VENDORS else ""
