# ruff: noqa: E501 (what others wrote stands on one line, as it came)
"""Errors of vendors as they come, and what each means: the bodies are from their documentation and from public reports.

Where a body comes from stands above it. Names of organizations and the like are made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One error: its status and body, and the class, the words, the wait and the facts that it must become."""

    name: str
    status: int
    body: Any
    kind: str
    says: str
    wait_s: float | None = None
    data: tuple[tuple[str, Any], ...] = ()


def _openai(message: str, code: Any = None, kind: str = "invalid_request_error", param: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _google(code: int, status: str, message: str, *details: Any) -> dict[str, Any]:
    return {
        "error": {"code": code, "message": message, "status": status, **({"details": list(details)} if details else {})}
    }


def _anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011C"}


def _openrouter(code: int, raw: Any, **more: Any) -> dict[str, Any]:
    metadata = {"raw": raw, "provider_name": "Some", **more}
    return {"error": {"message": "Provider returned error", "code": code, "metadata": metadata}, "user_id": "u"}


AUTH, CONTEXT, RATE, MODEL = "AuthenticationError", "ContextExceeded", "RateLimited", "ModelNotFound"
INVALID, BUSY, FILTERED, PROTOCOL, LATE = "InvalidRequest", "Unavailable", "ContentFiltered", "ProtocolError", "Timeout"
QUOTA = (("reason", "quota"),)
BLOCKED = (("reason", "blocked"),)


def _sizes(limit: int | None, needed: int | None = None) -> tuple[tuple[str, Any], ...]:
    return tuple((name, size) for name, size in (("context_window", limit), ("prompt_tokens", needed)) if size)


CASES: list[Case] = [
    # platform.openai.com/docs/guides/error-codes
    Case(
        "openai key",
        401,
        _openai("Incorrect API key provided: sk-x***y.", "invalid_api_key"),
        AUTH,
        "Incorrect API key",
    ),
    Case("openai no key", 401, _openai("You didn't provide an API key."), AUTH, "didn't provide"),
    Case(
        "openai context",
        400,
        _openai(
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
            "context_length_exceeded",
            param="messages",
        ),
        CONTEXT,
        "maximum context length",
        data=_sizes(128000, 130000),
    ),
    Case(
        "openai old context",
        400,
        _openai(
            "This model's maximum context length is 8191 tokens, however you requested 10346 tokens (10346 in your prompt; 5 for the completion). Please reduce your prompt; or completion length."
        ),
        CONTEXT,
        "you requested 10346",
        data=_sizes(8191, 10346),
    ),
    # github.com/openai/openai-python issues: the newer models' words
    Case(
        "openai input",
        400,
        _openai(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            "context_length_exceeded",
        ),
        CONTEXT,
        "exceeds the context window",
    ),
    Case(
        "openai tpm",
        429,
        _openai(
            "Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2.5s. Visit https://platform.openai.com/account/rate-limits to learn more.",
            "rate_limit_exceeded",
            "tokens",
        ),
        RATE,
        "Limit 30000",
        2.5,
    ),
    Case(
        "openai rpm",
        429,
        _openai(
            "Rate limit reached for gpt-x on requests per min. Limit: 3 / min. Please try again in 20s.",
            None,
            "requests",
        ),
        RATE,
        "requests per min",
        20.0,
    ),
    # github.com/vanna-ai/vanna-flask/issues/11: no wait helps
    Case(
        "openai too large",
        429,
        _openai(
            "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 342389. The input or output tokens must be reduced in order to run successfully.",
            "rate_limit_exceeded",
            "tokens",
        ),
        CONTEXT,
        "must be reduced",
        data=_sizes(30000, 342389),
    ),
    Case(
        "openai quota",
        429,
        _openai(
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "insufficient_quota",
        ),
        RATE,
        "current quota",
        data=QUOTA,
    ),
    Case(
        "openai country",
        403,
        _openai(
            "Country, region, or territory not supported", "unsupported_country_region_territory", "request_forbidden"
        ),
        BUSY,
        "territory not supported",
        data=BLOCKED,
    ),
    Case(
        "openai model",
        404,
        _openai("The model `gpt-9` does not exist or you do not have access to it.", "model_not_found"),
        MODEL,
        "gpt-9",
    ),
    Case(
        "openai project model",
        403,
        _openai("Project `proj_x` does not have access to model `gpt-9`", "model_not_found"),
        MODEL,
        "does not have access",
    ),
    Case(
        "openai parameter",
        400,
        _openai(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "unsupported_parameter",
            param="max_tokens",
        ),
        INVALID,
        "max_completion_tokens",
        data=(("parameter", "max_tokens"),),
    ),
    Case(
        "openai value",
        400,
        _openai(
            "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
            "unsupported_value",
            param="temperature",
        ),
        INVALID,
        "temperature",
        data=(("parameter", "temperature"),),
    ),
    Case(
        "openai max_tokens",
        400,
        _openai(
            "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided 100000.",
            None,
            param="max_tokens",
        ),
        INVALID,
        "16384",
    ),
    Case(
        "openai long string",
        400,
        _openai(
            "Invalid 'messages[0].content': string too long. Expected a string with maximum length 1048576, but got a string with length 1540820 instead.",
            "string_above_max_length",
        ),
        CONTEXT,
        "string too long",
    ),
    Case(
        "openai prompt",
        400,
        _openai("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", "invalid_prompt"),
        FILTERED,
        "flagged",
    ),
    Case(
        "openai server",
        500,
        _openai("The server had an error while processing your request. Sorry about that!", None, "server_error"),
        BUSY,
        "Sorry about that",
    ),
    Case(
        "openai overloaded",
        503,
        _openai("That model is currently overloaded with other requests.", None, "server_error"),
        BUSY,
        "overloaded",
    ),
    # learn.microsoft.com: Azure OpenAI
    Case(
        "azure rate",
        429,
        {
            "error": {
                "code": "429",
                "message": "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-02-01 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 26 seconds.",
            }
        },
        RATE,
        "token rate limit",
        26.0,
    ),
    Case(
        "azure key",
        401,
        {"statusCode": 401, "message": "Access denied due to invalid subscription key or wrong API endpoint."},
        AUTH,
        "invalid subscription key",
    ),
    Case(
        "azure deployment",
        404,
        {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}},
        MODEL,
        "API deployment",
    ),
    Case(
        "azure filter",
        400,
        {
            "error": {
                "inner_error": {"code": "ResponsibleAIPolicyViolation"},
                "code": "content_filter",
                "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
                "param": "prompt",
                "type": None,
            }
        },
        FILTERED,
        "content management policy",
    ),
    # docs.github.com/github-models
    Case(
        "github models size",
        413,
        {
            "error": {
                "code": "tokens_limit_reached",
                "message": "Request body too large for gpt-4o model. Max size: 8000 tokens.",
                "details": "Request body too large for gpt-4o model. Max size: 8000 tokens.",
            }
        },
        CONTEXT,
        "Max size",
        data=_sizes(8000),
    ),
    Case(
        "github models rate",
        429,
        {
            "error": {
                "code": "RateLimitReached",
                "message": "Rate limit of 10 per 60s exceeded for UserByModelByMinute. Please wait 49 seconds before retrying.",
            }
        },
        RATE,
        "UserByModelByMinute",
        49.0,
    ),
    # platform.claude.com/docs/en/api/errors, and reports
    Case("anthropic key", 401, _anthropic("authentication_error", "invalid x-api-key"), AUTH, "invalid x-api-key"),
    Case(
        "anthropic long",
        400,
        _anthropic("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
        CONTEXT,
        "208310",
        data=_sizes(200000, 208310),
    ),
    Case(
        "anthropic sum",
        400,
        _anthropic(
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 198000 + 16384 > 200000, decrease input length or `max_tokens` and try again",
        ),
        CONTEXT,
        "context limit",
        data=_sizes(200000, 214384),
    ),
    Case(
        "anthropic bytes",
        413,
        _anthropic("request_too_large", "Request exceeds the maximum size"),
        CONTEXT,
        "maximum size",
    ),
    Case(
        "anthropic credit",
        400,
        _anthropic(
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
        ),
        RATE,
        "credit balance",
        data=QUOTA,
    ),
    Case(
        "anthropic rate",
        429,
        _anthropic(
            "rate_limit_error",
            "This request would exceed your organization's rate limit of 40,000 input tokens per minute.",
        ),
        RATE,
        "40,000",
    ),
    Case("anthropic overloaded", 529, _anthropic("overloaded_error", "Overloaded"), BUSY, "Overloaded"),
    Case("anthropic model", 404, _anthropic("not_found_error", "model: claude-9"), MODEL, "claude-9"),
    Case("anthropic path", 404, _anthropic("not_found_error", "Not Found"), PROTOCOL, "Not Found"),
    Case(
        "anthropic output",
        400,
        _anthropic(
            "invalid_request_error",
            "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for claude-x",
        ),
        INVALID,
        "8192",
    ),
    # ai.google.dev/gemini-api/docs/troubleshooting; github.com/google-gemini/gemini-cli issues
    Case(
        "gemini key",
        400,
        _google(
            400,
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.",
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            },
        ),
        AUTH,
        "API key not valid",
        data=(("vendor_code", "API_KEY_INVALID"),),
    ),
    Case(
        "gemini openai key",
        400,
        [_google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")],
        AUTH,
        "API key not valid",
    ),
    Case(
        "gemini expired",
        400,
        _google(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."),
        AUTH,
        "API key expired",
    ),
    Case(
        "gemini header",
        400,
        [_google(400, "INVALID_ARGUMENT", "Missing or invalid Authorization header.")],
        AUTH,
        "Authorization header",
    ),
    Case(
        "gemini long",
        400,
        _google(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        CONTEXT,
        "1048576",
        data=_sizes(1048576, 1200000),
    ),
    Case(
        "gemini long plain",
        400,
        _google(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum number of tokens allowed 1048576."),
        CONTEXT,
        "1048576",
    ),
    Case(
        "gemini place",
        400,
        _google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        BUSY,
        "User location",
        data=BLOCKED,
    ),
    Case(
        "gemini rate",
        429,
        [
            _google(
                429,
                "RESOURCE_EXHAUSTED",
                "You exceeded your current quota, please check your plan and billing details.",
                {
                    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                    "violations": [
                        {
                            "quotaMetric": "x",
                            "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
                            "quotaValue": "5",
                        }
                    ],
                },
                {
                    "@type": "type.googleapis.com/google.rpc.Help",
                    "links": [
                        {
                            "description": "Learn more about Gemini API quotas",
                            "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
                        }
                    ],
                },
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"},
            )
        ],
        RATE,
        "You exceeded your current quota",
        34.07,
    ),
    Case(
        "gemini day",
        429,
        _google(
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota.",
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
            },
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3600s"},
        ),
        RATE,
        "quota",
        3600.0,
        QUOTA,
    ),
    # github.com/google-gemini/gemini-cli/issues/14811: the body is a text in a message
    Case(
        "gemini in a text",
        429,
        {
            "error": {
                "message": '{\n  "error": {\n    "code": 429,\n    "message": "Resource has been exhausted (e.g. check quota).",\n    "status": "RESOURCE_EXHAUSTED"\n  }\n}\n',
                "code": 429,
                "status": "Too Many Requests",
            }
        },
        RATE,
        "Resource has been exhausted",
    ),
    Case(
        "gemini model",
        404,
        _google(
            404,
            "NOT_FOUND",
            "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent.",
        ),
        MODEL,
        "models/gemini-9",
    ),
    Case(
        "gemini overloaded",
        503,
        _google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        BUSY,
        "overloaded",
    ),
    Case(
        "gemini field",
        400,
        _google(
            400,
            "INVALID_ARGUMENT",
            'Invalid JSON payload received. Unknown name "x": Cannot find field.',
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [
                    {"description": 'Invalid JSON payload received. Unknown name "x": Cannot find field.'}
                ],
            },
        ),
        INVALID,
        "Cannot find field",
    ),
    Case(
        "gemini late",
        504,
        _google(504, "DEADLINE_EXCEEDED", "The request timed out. Please try again."),
        LATE,
        "timed out",
    ),
    # openrouter.ai/docs/api-reference/errors; github.com/open-webui/computer/issues/293
    Case(
        "openrouter raw text",
        429,
        _openrouter(429, "z-ai/glm is temporarily rate-limited upstream. Please retry shortly."),
        RATE,
        "temporarily rate-limited upstream",
    ),
    # github.com/reVrost/go-openrouter/pull/21
    Case(
        "openrouter raw json",
        400,
        _openrouter(
            400,
            '{\n  "error": {\n    "message": "Response input messages must contain the word \'json\' in some form.",\n    "type": "invalid_request_error",\n    "param": "input",\n    "code": null\n  }\n}',
        ),
        INVALID,
        "must contain the word",
        data=(("parameter", "input"),),
    ),
    Case(
        "openrouter raw context",
        400,
        _openrouter(
            400,
            '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}',
        ),
        CONTEXT,
        "208310 tokens",
        data=_sizes(200000, 208310),
    ),
    Case(
        "openrouter context",
        400,
        {
            "error": {
                "message": "This endpoint's maximum context length is 1048576 tokens. However, you requested about 1293741 tokens (1227853 of text input, 353 of tool input, 65535 in the output). Please reduce the length of either one.",
                "code": 400,
            }
        },
        CONTEXT,
        "This endpoint's",
        data=_sizes(1048576, 1293741),
    ),
    Case(
        "openrouter credits",
        402,
        {
            "error": {
                "message": "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 2000.",
                "code": 402,
            }
        },
        RATE,
        "can only afford",
        data=QUOTA,
    ),
    Case(
        "openrouter key",
        401,
        {"error": {"message": "No auth credentials found", "code": 401}},
        AUTH,
        "No auth credentials",
    ),
    Case(
        "openrouter limit",
        403,
        {
            "error": {
                "message": "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys",
                "code": 403,
            }
        },
        RATE,
        "Key limit exceeded",
        data=QUOTA,
    ),
    Case(
        "openrouter flagged",
        403,
        {
            "error": {
                "message": 'x requires moderation on y. Your input was flagged for "violence".',
                "code": 403,
                "metadata": {"reasons": ["violence"], "flagged_input": "..."},
            }
        },
        FILTERED,
        "flagged for",
    ),
    Case(
        "openrouter model",
        404,
        {"error": {"message": "No endpoints found for x/y:free.", "code": 404}},
        MODEL,
        "No endpoints found",
    ),
    Case(
        "openrouter headers",
        429,
        {
            "error": {
                "message": "Rate limit exceeded: free-models-per-min.",
                "code": 429,
                "metadata": {"headers": {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "Retry-After": "12"}},
            }
        },
        RATE,
        "free-models-per-min",
        12.0,
    ),
    # console.groq.com/docs/errors; github.com/continuedev/continue/issues/10218
    Case(
        "groq too large",
        413,
        _openai(
            "Request too large for model `llama-3.3-70b-versatile` in organization `org_x` service tier `on_demand` on tokens per minute (TPM): Limit 12000, Requested 14137, please reduce your message size and try again.",
            "rate_limit_exceeded",
            "tokens",
        ),
        CONTEXT,
        "Requested 14137",
        data=_sizes(12000, 14137),
    ),
    Case(
        "groq tpm",
        429,
        _openai(
            "Rate limit reached for model `llama-3.1-8b-instant` in organization `org_x` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Used 5034, Requested 1443. Please try again in 4.77s. Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing",
            "rate_limit_exceeded",
            "tokens",
        ),
        RATE,
        "Used 5034",
        4.77,
    ),
    Case(
        "groq tpd",
        429,
        _openai(
            "Rate limit reached for model `x` on tokens per day (TPD): Limit 100000, Used 99000, Requested 3000. Please try again in 28m48s.",
            "rate_limit_exceeded",
            "tokens",
        ),
        RATE,
        "TPD",
        1728.0,
    ),
    Case(
        "groq context",
        400,
        _openai("Please reduce the length of the messages or completion.", "context_length_exceeded", param="messages"),
        CONTEXT,
        "reduce the length",
    ),
    Case(
        "groq call",
        400,
        _openai("Failed to call a function. Please adjust your prompt.", "tool_use_failed"),
        PROTOCOL,
        "Failed to call",
    ),
    Case(
        "groq gone",
        400,
        _openai("The model `x` has been decommissioned and is no longer supported.", "model_decommissioned"),
        MODEL,
        "decommissioned",
    ),
    # docs.mistral.ai
    Case("mistral key", 401, {"message": "Unauthorized", "request_id": "x"}, AUTH, "Unauthorized"),
    Case("mistral detail key", 401, {"detail": "Unauthorized"}, AUTH, "Unauthorized"),
    Case(
        "mistral long",
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            "type": "invalid_request_prompt",
            "param": None,
            "code": "3051",
        },
        CONTEXT,
        "40000 tokens",
        data=_sizes(32768, 40000),
    ),
    Case(
        "mistral field",
        422,
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "stream_options"],
                        "msg": "Extra inputs are not permitted",
                        "input": {"include_usage": True},
                    }
                ]
            },
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        },
        INVALID,
        "stream_options: Extra inputs",
        data=(("parameter", "stream_options"),),
    ),
    Case(
        "mistral model",
        400,
        {
            "object": "error",
            "message": "Invalid model: mistral-9",
            "type": "invalid_model",
            "param": None,
            "code": "1500",
        },
        MODEL,
        "mistral-9",
    ),
    Case("mistral rate", 429, {"message": "Requests rate limit exceeded"}, RATE, "Requests rate limit"),
    Case(
        "mistral capacity",
        429,
        {
            "object": "error",
            "message": "Service tier capacity exceeded for this model.",
            "type": "service_tier_capacity_exceeded",
            "param": None,
            "code": "3505",
        },
        RATE,
        "capacity",
    ),
    # api-docs.deepseek.com/quick_start/error_codes
    Case(
        "deepseek key",
        401,
        _openai(
            "Authentication Fails, Your api key: ****1234 is invalid", "invalid_request_error", "authentication_error"
        ),
        AUTH,
        "Authentication Fails",
    ),
    Case(
        "deepseek balance",
        402,
        _openai("Insufficient Balance", "invalid_request_error", "unknown_error"),
        RATE,
        "Insufficient Balance",
        data=QUOTA,
    ),
    # docs.x.ai
    Case(
        "xai key",
        400,
        {
            "code": "Client specified an invalid argument",
            "error": "Incorrect API key provided: xa***yz. You can obtain an API key from https://console.x.ai.",
        },
        AUTH,
        "Incorrect API key",
    ),
    Case(
        "xai long",
        400,
        {
            "code": "Client specified an invalid argument",
            "error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        },
        CONTEXT,
        "maximum prompt length",
        data=_sizes(131072, 537812),
    ),
    Case(
        "xai model",
        404,
        {
            "code": "Some requested entity was not found",
            "error": "The model grok-9 does not exist or your team x does not have access to it.",
        },
        MODEL,
        "grok-9",
    ),
    # docs.together.ai
    Case(
        "together key",
        401,
        _openai(
            "Invalid API key provided. You can find your API key at https://api.together.xyz/settings/api-keys.",
            "invalid_api_key",
        ),
        AUTH,
        "Invalid API key",
    ),
    Case(
        "together long",
        422,
        _openai(
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 `inputs` tokens and 512 `max_new_tokens`"
        ),
        CONTEXT,
        "4097",
        data=_sizes(4097, 5000),
    ),
    # github.com/ggml-org/llama.cpp tools/server
    Case(
        "llama.cpp context",
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size. try increasing the context size or enable context shift",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9000,
                "n_ctx": 4096,
            }
        },
        CONTEXT,
        "available context size",
        data=_sizes(4096, 9000),
    ),
    Case(
        "llama.cpp counted",
        400,
        {
            "error": {
                "code": 400,
                "message": "request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it",
                "type": "invalid_request_error",
            }
        },
        CONTEXT,
        "9000",
        data=_sizes(4096, 9000),
    ),
    Case(
        "llama.cpp old",
        500,
        {"error": {"code": 500, "message": "context size has been exceeded", "type": "server_error"}},
        CONTEXT,
        "exceeded",
    ),
    Case(
        "llama.cpp key",
        401,
        {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}},
        AUTH,
        "Invalid API Key",
    ),
    Case(
        "llama.cpp loading",
        503,
        {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
        BUSY,
        "Loading model",
    ),
    Case(
        "llama.cpp jinja",
        500,
        {
            "error": {
                "code": 500,
                "message": "Jinja Exception: System message must be at the beginning",
                "type": "server_error",
            }
        },
        BUSY,
        "Jinja",
    ),
    # docs.vllm.ai
    Case(
        "vllm context",
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4900 in the messages, 100 in the completion). Please reduce the length of the messages or completion.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        CONTEXT,
        "you requested 5000",
        data=_sizes(4096, 5000),
    ),
    Case(
        "vllm answer",
        400,
        {
            "error": {
                "message": "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is 65536 tokens and your request has 57879 input tokens (8192 > 65536 - 57879).",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            }
        },
        CONTEXT,
        "57879",
        data=_sizes(65536, 57879),
    ),
    Case(
        "vllm prompt",
        400,
        {
            "object": "error",
            "message": "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that `max_model_len` is no smaller than the number of text tokens.",
            "type": "BadRequestError",
            "code": 400,
        },
        CONTEXT,
        "decoder prompt",
        data=_sizes(4096, 5000),
    ),
    Case(
        "vllm model",
        404,
        {
            "object": "error",
            "message": "The model `x` does not exist.",
            "type": "NotFoundError",
            "param": None,
            "code": 404,
        },
        MODEL,
        "`x`",
    ),
    Case("vllm key", 401, {"error": "Unauthorized"}, AUTH, "Unauthorized"),
    # lmstudio.ai: texts
    Case(
        "lmstudio context",
        400,
        {
            "error": "Trying to keep the first 4957 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input"
        },
        CONTEXT,
        "4957",
        data=_sizes(4096, 4957),
    ),
    Case(
        "lmstudio greater",
        400,
        {"error": "The number of tokens to keep from the initial prompt is greater than the context length."},
        CONTEXT,
        "greater than the context length",
    ),
    Case(
        "lmstudio model",
        404,
        {
            "error": {
                "message": 'Model "x" not found. Please specify a valid model.',
                "type": "invalid_request_error",
                "param": "model",
                "code": "model_not_found",
            }
        },
        MODEL,
        "valid model",
    ),
    # docs.ollama.com/api/errors
    Case("ollama model", 404, {"error": 'model "qwen9" not found, try pulling it first'}, MODEL, "pulling"),
    Case(
        "ollama context",
        400,
        {"error": "the prompt is longer than the context length currently available to the model"},
        CONTEXT,
        "longer than the context",
    ),
    Case(
        "ollama input",
        500,
        {"error": "the input length exceeds the context length"},
        CONTEXT,
        "exceeds the context length",
    ),
    Case(
        "ollama key", 401, {"error": "unauthorized", "signin_url": "https://ollama.com/connect"}, AUTH, "unauthorized"
    ),
    Case(
        "ollama tools",
        400,
        {"error": "registry.ollama.ai/library/x:latest does not support tools"},
        INVALID,
        "does not support tools",
    ),
    # huggingface.co
    Case(
        "hf key",
        401,
        {"error": "Authorization header is correct, but the token seems invalid"},
        AUTH,
        "token seems invalid",
    ),
    Case(
        "hf loading",
        503,
        {"error": "Model x/y is currently loading", "estimated_time": 20.0},
        BUSY,
        "currently loading",
        20.0,
    ),
    Case(
        "hf credits",
        402,
        {"error": "You have exceeded your monthly included credits for Inference Providers."},
        RATE,
        "monthly included credits",
        data=QUOTA,
    ),
    Case(
        "tgi long",
        422,
        {
            "error": "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000",
            "error_type": "validation",
        },
        CONTEXT,
        "4095",
    ),
    Case("tgi busy", 429, {"error": "Model is overloaded", "error_type": "overloaded"}, RATE, "overloaded"),
    # platform.minimax.io/docs/api-reference/errorcode
    Case(
        "minimax login",
        200,
        {
            "base_resp": {
                "status_code": 1004,
                "status_msg": "login fail: Please carry the API secret key in the 'Authorization' field of the request header",
            }
        },
        AUTH,
        "login fail",
    ),
    Case(
        "minimax balance",
        200,
        {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
        RATE,
        "insufficient balance",
        data=QUOTA,
    ),
    Case("minimax rate", 200, {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, RATE, "rate limit"),
    # docs.bigmodel.cn/cn/api/api-code
    Case(
        "zhipu key",
        401,
        {"error": {"code": "1002", "message": "Authorization Token非法"}},
        AUTH,
        "Token非法",
    ),
    Case(
        "zhipu arrears",
        429,
        {"error": {"code": "1113", "message": "余额不足或无可用资源包,请充值。"}},
        RATE,
        "余额不足",
        data=QUOTA,
    ),
    Case(
        "zhipu long",
        400,
        {"error": {"code": "1261", "message": "Prompt exceeds max length"}},
        CONTEXT,
        "Prompt exceeds",
    ),
    # docs.siliconflow.cn
    Case(
        "siliconflow busy",
        503,
        {"code": 50508, "message": "System is too busy now. Please try again later.", "data": None},
        BUSY,
        "too busy",
    ),
    Case(
        "siliconflow model",
        400,
        {"code": 20012, "message": "Model does not exist. Please check it carefully.", "data": None},
        MODEL,
        "does not exist",
    ),
    # help.aliyun.com: DashScope
    Case(
        "dashscope key",
        401,
        {"code": "InvalidApiKey", "message": "Invalid API-key provided.", "request_id": "x"},
        AUTH,
        "Invalid API-key",
    ),
    Case(
        "dashscope long",
        400,
        {"code": "InvalidParameter", "message": "Range of input length should be [1, 30720]", "request_id": "x"},
        CONTEXT,
        "30720",
        data=_sizes(30720),
    ),
    Case(
        "dashscope filter",
        400,
        {"code": "DataInspectionFailed", "message": "Input data may contain inappropriate content."},
        FILTERED,
        "inappropriate content",
    ),
    Case(
        "dashscope rate",
        429,
        {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded, please try again later."},
        RATE,
        "rate limit",
    ),
    # platform.moonshot.cn
    Case(
        "moonshot key",
        401,
        _openai("Invalid Authentication", None, "invalid_authentication_error"),
        AUTH,
        "Invalid Authentication",
    ),
    Case(
        "moonshot long",
        400,
        _openai("Invalid request: Your request exceeded model token limit: 8192 (requested: 9000)"),
        CONTEXT,
        "8192",
        data=_sizes(8192, 9000),
    ),
    Case(
        "moonshot quota",
        429,
        _openai(
            "Your account is suspended, please check your plan and billing details",
            None,
            "exceeded_current_quota_error",
        ),
        RATE,
        "suspended",
        data=QUOTA,
    ),
    # docs.aws.amazon.com: Bedrock
    Case(
        "bedrock key",
        403,
        {
            "__type": "com.amazon.coral.service#UnrecognizedClientException",
            "message": "The security token included in the request is invalid.",
        },
        AUTH,
        "security token",
    ),
    Case(
        "bedrock long",
        400,
        {"message": "Input is too long for requested model."},
        CONTEXT,
        "too long for requested model",
    ),
    Case("bedrock rate", 429, {"message": "Too many tokens, please wait before trying again."}, RATE, "please wait"),
    Case("bedrock throttle", 400, {"__type": "ThrottlingException", "Message": "Rate exceeded"}, RATE, "Rate exceeded"),
    # docs.api.nvidia.com, replicate.com: application/problem+json
    Case(
        "nvidia key",
        403,
        {"status": 403, "title": "Forbidden", "detail": "Authorization failed"},
        AUTH,
        "Authorization failed",
    ),
    Case(
        "nvidia function",
        404,
        {
            "type": "urn:inference-service:problem-details:not-found",
            "title": "Not Found",
            "status": 404,
            "detail": "Function 'x': Not found for account 'y'",
            "instance": "/v2",
        },
        PROTOCOL,
        "Function 'x'",
    ),
    Case(
        "replicate key",
        401,
        {"title": "Unauthenticated", "detail": "You did not pass an authentication token", "status": 401},
        AUTH,
        "did not pass an authentication token",
    ),
    # developers.cloudflare.com: Workers AI
    Case(
        "cloudflare key",
        400,
        {
            "success": False,
            "errors": [{"code": 10000, "message": "Authentication error"}],
            "messages": [],
            "result": None,
        },
        AUTH,
        "Authentication error",
    ),
    Case(
        "cloudflare long",
        413,
        {
            "errors": [
                {
                    "message": "AiError: The estimated number of input and maximum output tokens (9000) exceeded this model context window limit (8192).",
                    "code": 5021,
                }
            ],
            "success": False,
        },
        CONTEXT,
        "context window limit",
        data=_sizes(8192, 9000),
    ),
    # apigee, Rails, ASP.NET, FastAPI
    Case(
        "apigee key",
        401,
        {"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}},
        AUTH,
        "Invalid ApiKey",
    ),
    Case(
        "fastapi",
        422,
        {
            "detail": [
                {
                    "type": "missing",
                    "loc": ["body", "messages"],
                    "msg": "Field required",
                    "input": {"secret": "the prompt"},
                }
            ]
        },
        INVALID,
        "body.messages: Field required",
        data=(("parameter", "messages"),),
    ),
    Case(
        "asp.net",
        400,
        {
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
            "title": "One or more validation errors occurred.",
            "status": 400,
            "errors": {"stop": ["The field stop is too long."]},
        },
        INVALID,
        "stop: The field stop",
    ),
    Case(
        "oauth",
        400,
        {"error": "invalid_token", "error_description": "The access token expired"},
        AUTH,
        "The access token expired",
    ),
    Case("fastapi not found", 404, {"detail": "Not Found"}, PROTOCOL, "Not Found"),
    # docs.litellm.ai: Python's words inside of words
    Case(
        "litellm key",
        500,
        {
            "error": {
                "message": "litellm.AuthenticationError: AuthenticationError: OpenAIException - Incorrect API key provided: sk-x.",
                "type": None,
                "param": None,
                "code": "500",
            }
        },
        AUTH,
        "Incorrect API key",
    ),
    Case(
        "litellm json",
        400,
        {
            "error": {
                "message": 'litellm.BadRequestError: VertexAIException BadRequestError - {"error": {"code": 400, "message": "The input token count (9) exceeds the maximum number of tokens allowed (8).", "status": "INVALID_ARGUMENT"}}',
                "code": "400",
            }
        },
        CONTEXT,
        "exceeds the maximum number of tokens",
        data=_sizes(8, 9),
    ),
    # texts and pages
    Case("text key", 403, "invalid api key", AUTH, "invalid api key"),
    Case("text nginx", 503, "no healthy upstream", BUSY, "no healthy upstream"),
    Case("text 404", 404, "404 page not found", PROTOCOL, "404 page not found"),
    Case(
        "nginx 413",
        413,
        "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx/1.24.0</center>\r\n</body>\r\n</html>\r\n",
        CONTEXT,
        "413 Request Entity Too Large nginx/1.24.0",
    ),
    Case(
        "nginx 502",
        502,
        "<html>\n<head><title>502 Bad Gateway</title></head>\n<body><center><h1>502 Bad Gateway</h1></center></body></html>",
        BUSY,
        "502 Bad Gateway",
    ),
    Case(
        "openresty 401",
        401,
        "<html><head><title>401 Authorization Required</title></head><body><center><h1>401 Authorization Required</h1></center><hr><center>openresty/1.25.3.1</center></body></html>",
        AUTH,
        "401 Authorization Required",
    ),
    Case(
        "cloudflare 502",
        502,
        '<!DOCTYPE html>\n<!--[if lt IE 7]> <html class="no-js ie6"> <![endif]-->\n<html><head><title>api.example.com | 502: Bad gateway</title><style>body{margin:0}</style><script>var a="<b>hidden</b>";</script></head><body><div id="cf-wrapper"><h1><span>Bad gateway</span> <span class="code">Error code 502</span></h1><p>The web server reported a bad gateway error.</p></div></body></html>',
        BUSY,
        "api.example.com | 502: Bad gateway",
    ),
    Case(
        "cloudflare 403",
        403,
        "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body><h1>Sorry, you have been blocked</h1></body></html>",
        BUSY,
        "you have been blocked",
        data=BLOCKED,
    ),
    Case(
        "cloudflare 524",
        524,
        "<html><head><title>example.com | 524: A timeout occurred</title></head><body></body></html>",
        LATE,
        "A timeout occurred",
    ),
    Case("empty", 500, "", BUSY, "Internal Server Error"),
    Case("empty 401", 401, "", AUTH, "Unauthorized"),
    Case("empty object", 503, {}, BUSY, "Service Unavailable"),
    # github.com/anomalyco/opencode/issues/27519, github.com/openclaw/openclaw/pull/3188, docs.litellm.ai
    Case(
        "more than allowed",
        400,
        {"message": "tokens in request more than max tokens allowed: 40000 > 32768"},
        CONTEXT,
        "more than max",
        data=_sizes(32768, 40000),
    ),
    Case(
        "context_overflow",
        400,
        {"error": {"code": "context_overflow", "message": "context_overflow: the model cannot take that"}},
        CONTEXT,
        "cannot take",
    ),
    Case(
        "vertex long",
        400,
        _google(
            400,
            "INVALID_ARGUMENT",
            "Unable to submit request because the input token count is 1200000 but model only supports up to 1048576. Reduce the input token count and try again.",
        ),
        CONTEXT,
        "only supports",
        data=_sizes(1048576, 1200000),
    ),
    Case(
        "sum of both",
        400,
        _openai(
            "Requested token count exceeds the model's maximum context length of 131072 tokens. You requested a total of 140000 tokens: 130000 tokens from the input messages and 10000 tokens for the completion."
        ),
        CONTEXT,
        "a total of",
        data=_sizes(131072, 140000),
    ),
    Case(
        "configured limit",
        400,
        _openai(
            "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens. Please reduce the length of the messages."
        ),
        CONTEXT,
        "configured limit",
        data=_sizes(272000, 300000),
    ),
    Case(
        "cohere long",
        400,
        {"message": "too many tokens: total number of tokens in the prompt exceeds the limit of 4081"},
        CONTEXT,
        "too many tokens",
        data=_sizes(4081),
    ),
    Case(
        "litellm budget",
        400,
        {
            "error": {
                "message": "Budget has been exceeded! Current cost: 10.2, Max budget: 5",
                "type": "budget_exceeded",
                "code": "400",
            }
        },
        RATE,
        "Max budget",
        data=QUOTA,
    ),
    Case(
        "usage limit",
        429,
        {"error": {"message": "You've reached your usage limit. Try again in 3 hours."}},
        RATE,
        "usage limit",
        10800.0,
    ),
]
