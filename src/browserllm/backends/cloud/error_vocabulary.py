"""The error codes and error phrases of vendors, by meaning.

They are documented by the vendors or reported by users; the tests' `vendor_errors.py` has real bodies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Meaning = Literal[
    "",
    "address",
    "authentication",
    "blocked",
    "broken",
    "context",
    "filtered",
    "invalid",
    "model",
    "overloaded",
    "quota",
    "rate",
    "timeout",
]
"""What a vendor's error means; ``""`` leaves it to the status."""

SURE: Mapping[Meaning, str] = {
    "context": """context_length_exceeded exceed_context_size_error string_above_max_length tokens_limit_reached
        request_too_large contextwindowexceedederror model_context_window_exceeded context_window_exceeded
        max_tokens_exceeded prompt_too_long contextlengthexceeded""",
    "filtered": """content_filter content_policy_violation contentpolicyviolationerror responsibleaipolicyviolation
        datainspectionfailed data_inspection_failed content_filtered moderation_blocked invalid_prompt
        content_moderation sensitive_content""",
    "quota": """insufficient_quota billing_hard_limit_reached billing_error billing_not_active insufficient_balance
        exceeded_current_quota_error arrearage payment_required insufficient_credits insufficient_user_quota
        organization_quota_exceeded budget_exceeded servicequotaexceededexception spend_limit_exceeded""",
    "rate": """rate_limit_exceeded rate_limit_error ratelimitreached ratelimiterror toomanyrequests too_many_requests
        throttlingexception throttling throttling.ratequota throttling.allocationquota throttling.burstrate
        rate_limit_reached_error ratelimitexceeded resource_exhausted rate_limited rate_limit rate_limit_reached
        requestlimitexceeded""",
    "authentication": """invalid_api_key invalidapikey invalid_authentication_error api_key_invalid missing_api_key
        incorrect_api_key authenticationerror authentication_failed unauthorized unauthenticated
        unrecognizedclientexception expiredtokenexception invalidsignatureexception missingauthenticationtokenexception
        oauth.v2.invalidapikey oauth.v2.failedtoresolveapikey invalid_token token_expired api_key_expired
        incompletesignature invalidclienttokenid authfailure api_key_service_blocked account_deactivated
        consumer_invalid access_token_type_unsupported access_token_expired""",
    "model": """model_not_found modelnotfound deploymentnotfound unknown_model invalid_model model_not_available
        model_decommissioned model_not_supported model_deprecated unknownmodelerror""",
    "blocked": "unsupported_country_region_territory unsupported_country request_forbidden_region",
    "broken": "tool_use_failed json_validate_failed output_parse_failed",
    "overloaded": "overloaded_error engine_overloaded_error modelnotreadyexception model_overloaded overloaded",
}
"""Codes that leave no doubt, in small letters."""

LIKELY: Mapping[Meaning, str] = {
    "authentication": "authentication_error permission_error permission_denied accessdeniedexception accessdenied "
    "permissiondenied permissiondeniederror authenticationfailed failed_precondition",
    "invalid": """invalid_request_error invalid_argument out_of_range badrequesterror bad_request validationexception
        validation_error invalid_parameter invalidparameter unprocessableentityerror invalid_value
        unsupported_parameter unsupported_value missing_required_parameter unknown_parameter invalidrequesterror
        extra_forbidden""",
    "overloaded": """api_error server_error internal internal_error internalservererror internal_server_error
        internalserverexception unavailable unavailable_error serviceunavailable service_unavailable
        serviceunavailableexception cancelled unknown upstream_error provider_error modelerrorexception
        insufficient_system_resource""",
    "timeout": "timeout_error timeout deadline_exceeded modeltimeoutexception request_timeout gatewaytimeout",
    "model": "not_found_error not_found notfounderror resourcenotfoundexception",
}
"""Codes that stand for much: words may say what."""

NUMBERS: Mapping[str, Meaning] = {
    # docs.bigmodel.cn/cn/api/api-code (Zhipu), docs.siliconflow.cn; 1004 is a bad login at MiniMax, too
    "1003": "authentication",
    "1004": "authentication",
    "1113": "quota",
    "1211": "model",
    "1261": "context",
    "1301": "filtered",
    "1302": "rate",
    "1303": "rate",
    "1305": "rate",
    "20012": "model",
    "30001": "quota",
    "50508": "overloaded",
}
BASE_RESP: Mapping[int, Meaning] = {
    # platform.minimax.io/docs/api-reference/errorcode
    1000: "overloaded",
    1001: "timeout",
    1002: "rate",
    1004: "authentication",
    1008: "quota",
    1013: "overloaded",
    1024: "overloaded",
    1026: "filtered",
    1027: "filtered",
    1033: "overloaded",
    1039: "rate",
    1041: "rate",
    2013: "invalid",
    2049: "authentication",
    2056: "quota",
}


def _any(*patterns: str) -> str:
    return "|".join(patterns)


# Every repetition has a bound, so that no text takes longer than its length says.
_KEY = (
    r"(?:api|access|secret|auth|bearer|subscription|security|authentication|authorization)[\s_-]?(?:key|token|header)s?"
)
_BAD = (
    r"(?:not valid|invalid|incorrect|not found|expired|revoked|disabled|missing|not provided|leaked|unauthorized"
    r"|(?:does|do|did)(?:n.t| not) exist|deactivated|wrong|blocked|required|malformed|not recognized|is empty)"
)
_WRONG = r"\b(?:invalid|incorrect|wrong|bad|missing|expired|revoked|malformed|no|without)\W{1,3}"
_FEW = r"(?:\w{1,20}\W{1,3}){0,3}?"
AUTHENTICATION = _any(
    rf"{_WRONG}{_FEW}x?-?{_KEY}\b",
    rf"\b{_KEY}\b[^.!?\n]{{0,60}}?\b{_BAD}\b",
    rf"{_WRONG}{_FEW}(?:credentials?|authentication|authorization)\b",
    rf"\b(?:provide|pass|specify|send|carry)\b[^.!?\n]{{0,40}}?\b(?:{_KEY}|api secret key|credentials?)\b",
    r"\bunauthori[sz]ed\b",
    r"\bunauthenticated\b",
    r"\bnot authenticated\b",
    r"\bcould not validate credentials\b",
    r"\blogin fail",
    r"\bauthentication (?:fail|error|required|token)",
    r"AuthenticationError",
    r"\bauthorization fail",
    r"\bsecurity token included in the request is (?:invalid|expired)",
    r"\btoken seems invalid",
    r"\bkey is (?:invalid|not valid)",
    r"\bunknown api[\s_-]?key\b",
    r"^\W{0,3}(?:invalid|expired) (?:user )?(?:token|key)\W{0,3}$",
    "令牌.{0,10}(?:过期|不正确|无效|非法)",
    "身份验证失败",
    "无效的?\\s?(?:令牌|密钥|api)",
    "鉴权失败",
    "未授权",
    "api.?key.{0,10}(?:无效|错误|不存在)",
)
BLOCKED = _any(
    r"\b(?:location|country|region|territory)\b[^.!?\n]{0,60}?\b(?:not |un)(?:supported|available|allowed)\b",
    r"\bunsupported (?:countr|region|location|territor)",
    r"\bnot available in your (?:country|region|location)",
    r"\byou have been blocked\b",
    r"\bjust a moment\.\.\.",
    r"attention required! \| cloudflare",
    r"enable (?:javascript and )?cookies",
)
FILTERED = _any(
    r"\bcontent[\s_-]?(?:filter|policy|polic|moderation|management polic|filtering polic|safety)",
    r"ContentPolicyViolation",
    r"\bcontent management polic",
    r"\bsafety (?:system|filter|polic|check)",
    r"\bresponsible ?ai\b",
    r"\b(?:flagged|blocked|rejected) (?:as|by|for|due to|because)\b"
    r"[^.!?\n]{0,80}?(?:polic|safety|moderation|violat|harm|filter|guardrail)",
    r"\b(?:inappropriate|sensitive|prohibited|harmful) (?:content|word|material)",
    r"\busage polic",
    r"\bmoderation\b",
    "敏感",
    "违规内容",
    "不安全或",
)
QUOTA = _any(
    r"\binsufficient[\s_-]?(?:account )?(?:quota|balance|credit|fund)",
    r"\bout of credit",
    r"\bnot enough credit",
    r"\bno credits? (?:left|remaining)",
    r"\bcredit balance is too low",
    r"\bexceeded your current quota",
    r"\bbilling (?:hard |soft )?(?:limit|is not active|details are)",
    r"\baccount is not active",
    r"\brequires more credits",
    r"\bpayment required",
    r"\bspend(?:ing|ed)? limit",
    r"\bkey limit exceeded",
    r"\b(?:balance|credits?) (?:is |are )?(?:insufficient|too low|exhausted|depleted)",
    r"\bin arrears",
    r"\bbudget has been exceeded",
    r"\bquota (?:has been |is )?(?:exhausted|used up)",
    r"\bexceeded your (?:monthly|daily|weekly)? ?(?:included|usage|spend)",
    r"\busage limit[s]? (?:has been |have been )?(?:reached|exceeded)",
    "余额不足",
    "欠费",
    "额度(?:已)?(?:用尽|不足)",
    "资源包",
)
TOO_LARGE = _any(
    r"\brequest too large for\b",
    r"\brequest body too large\b[^\n]{0,80}?\btokens\b",
)
PER_TIME = _any(
    r"\btokens? per (?:min|minute|day|hour|second)\b",
    r"\b(?:TPM|RPM|TPD|RPD)\b",
    r"\brate[\s_-]?limit",
    r"\btoo many requests",
    r"\bthrottl",
    r"\brequests? per (?:second|min|minute|hour|day)\b",
    r"\bslow down\b",
    r"\bconcurren\w{0,5} (?:request )?limit",
    r"\btoo many (?:concurrent|tokens, please wait)",
    r"RateLimitError",
    r"\bresource (?:has been )?exhausted",
    r"\brequest limit",
    "请求过于频繁",
    "速率限制",
    "并发数",
    "访问量过大",
    "频率限制",
)
CONTEXT = _any(
    r"\bcontext[\s_-]?(?:length|window|size|limit|overflow)",
    r"ContextWindowExceeded",
    r"\b(?:prompt|input|request|message|conversation)s? (?:is |are |was |length |length is )?too (?:long|large)\b",
    r"\bprompt_too_long",
    r"\btoo many (?:input |prompt |total )?tokens\b",
    r"\btoken limit (?:is |was )?exceeded",
    r"\bexceed\w{0,3} (?:the )?(?:model )?token limit",
    r"\b(?:input|prompt|request|message|total)\W{1,3}(?:\w{1,12}\W{1,3}){0,2}?(?:count|tokens|length)\b"
    r"[^.!?\n]{0,60}?\bexceed",
    r"\bexceed\w{0,3}\b[^.!?\n]{0,60}?\b(?:maximum|max|limit|allowed|model)\b[^.!?\n]{0,40}?\b(?:tokens?|length)\b",
    r"\breduce (?:the |your )?(?:length|size|prompt|input|message)",
    r"\b(?:maximum|max) (?:prompt|input|model|sequence) length\b",
    r"\btokens in request more than max",
    r"\btoo large for model with",
    r"\brange of input length should be",
    r"\blonger than the (?:maximum|model)",
    r"\binput validation error: `inputs`",
    r"\bmaximum number of (?:input )?tokens\b",
    r"\bstring too long\b",
    r"\bmaximum tokens for the model",
    "上下文.{0,10}(?:超|过长)",
    "输入.{0,8}(?:过长|超长)",
    "(?:超过|超出).{0,12}(?:长度|上下文|token)",
    "Prompt超长",
)
_GONE = (
    r"(?:does ?n.t exist|(?:does|do) not exist|(?:is |was |be )?not found|not exist|no longer"
    r"|(?:has|have) been (?:deprecated|decommissioned|retired|removed|shut)|is (?:deprecated|decommissioned))"
)
MODEL = _any(
    rf"\b(?:model|deployment)s?\b(?:[^.!?\n]|\.(?=\S)){{0,80}}?\b{_GONE}\b",
    r"\bmodel ['\"`]?[\w./:@-]{1,80}['\"`]? is not supported",
    r"\b(?:unknown|invalid|unsupported|no such) model\b",
    r"\bmodel_not_found",
    r"\bno endpoints found for\b",
    r"\bnot a valid model\b",
    r"\bdoes not have access to model",
    r"\bdon.t have access to the model",
    r"\bnot a chat model",
    r"\brequested entity was not found",
    "模型不存在",
    "模型.{0,30}(?:不存在|已下线)",
)
MODEL_NAMED = _any(r"^\W{0,3}models?\s?[:/]", r"\bmodel\b")
BUSY = _any(
    r"\boverloaded\b",
    r"\bhigh demand\b",
    r"\bat capacity\b",
    r"\bcapacity exceeded\b",
    r"\bover capacity\b",
    r"\btoo busy\b",
    r"\b(?:server|system) is busy",
    r"\bcurrently loading\b",
    r"\bloading model\b",
    r"\bmodel is (?:still )?loading\b",
    r"\btemporarily unavailable\b",
    "服务.{0,6}繁忙",
    "系统繁忙",
    "当前.{0,10}繁忙",
)
TIMED_OUT = _any(r"\btimed out\b", r"\bgateway time-?out\b", r"\bdeadline (?:has been )?exceeded\b")
INVALID = _any(
    r"\b(?:unsupported|unknown|unrecogni[sz]ed|invalid) (?:value|parameter|argument|field|type|request|option)s?\b",
    r"\bmissing required (?:value|parameter|argument|field|property)",
    r"\b(?:is|are) not supported (?:with|by|for) th(?:is|e) (?:model|api|endpoint)",
    r"\bdoes not support \w",
    r"\bextra inputs are not permitted",
    r"\bmust be (?:at least|at most|less than|greater than|between|one of)\b",
)
"""What is wrong with a request, where nothing else says what an error means."""

BY_WORDS: tuple[tuple[str, Meaning], ...] = (
    (TOO_LARGE, "context"),
    (BLOCKED, "blocked"),
    (QUOTA, "quota"),
    (PER_TIME, "rate"),
    (AUTHENTICATION, "authentication"),
    (CONTEXT, "context"),
    (FILTERED, "filtered"),
    (BUSY, "overloaded"),
    (MODEL, "model"),
    (TIMED_OUT, "timeout"),
)
"""Patterns, to be looked for in this order whatever the case of letters, and what they mean."""
