"""What secrets look like: only forms that nothing else has.

*Not here*: high entropy as such, which serial numbers and aircraft registrations have, too.
*Source*: the patterns that the issuers publish, as collected by gitleaks and GitHub.
"""

import re
from collections.abc import Mapping
from typing import Final

SECRET_PATTERNS: Final[Mapping[str, str]] = {
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "AWS secret key": r"(?i:aws_?secret_?(?:access_?)?key)[\"' ]*[:=][\"' ]*[0-9A-Za-z/+]{40}\b",
    "Google API key": r"\bAIza[0-9A-Za-z_-]{35}",
    "Google OAuth secret": r"\bGOCSPX-[0-9A-Za-z_-]{28}",
    "GitHub token": r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{50,})",
    "GitLab token": r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[0-9A-Za-z_-]{20}",
    "Slack token": r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}|\bxapp-\d-[0-9A-Z]+-\d+-[0-9a-f]{32,}",
    "Slack webhook": r"hooks\.slack\.com/services/T[0-9A-Z]+/B[0-9A-Z]+/[0-9A-Za-z]{20,}",
    "Discord webhook": r"discord(?:app)?\.com/api/webhooks/\d{17,}/[0-9A-Za-z_-]{60,}",
    "Stripe key": r"\b(?:[rs]k_(?:live|test)|whsec)_[0-9A-Za-z]{20,}",
    "Anthropic key": r"\bsk-ant-[0-9A-Za-z_-]{20,}",
    "OpenAI key": r"\bsk-(?:(?:proj|svcacct|admin)-[0-9A-Za-z_-]{20,}|[0-9A-Za-z]{32,})",
    "Hugging Face token": r"\bhf_[0-9A-Za-z]{34}\b",
    "Twilio key": r"\bSK[0-9a-f]{32}\b",
    "SendGrid key": r"\bSG\.[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}",
    "Mailgun key": r"\bkey-[0-9a-f]{32}\b",
    "Mailchimp key": r"\b[0-9a-f]{32}-us\d{1,2}\b",
    "Telegram bot token": r"\b\d{8,10}:AA[0-9A-Za-z_-]{33}",
    "Shopify token": r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b",
    "DigitalOcean token": r"\bdo[opr]_v1_[0-9a-f]{64}\b",
    "Databricks token": r"\bdapi[0-9a-f]{32}\b",
    "npm token": r"\bnpm_[0-9A-Za-z]{36}\b",
    "PyPI token": r"\bpypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{50,}",
    "Azure storage key": r"AccountKey=[0-9A-Za-z+/]{80,}",
    "JSON web token": r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "age key": r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}",
    "basic authorisation": r"(?i:authorization)[\"' ]*[:=][\"' ]*(?i:basic) [0-9A-Za-z+/]{12,}=*",
    "connection string with a password": (
        r"(?i:\b(?:server|data source|host|addr(?:ess)?|database|user id|uid)=[^;\n]*;"
        r"(?:[^;\n]*;)*\s*(?:password|pwd)=[^;\s*{<$]{3,})"
    ),
    "URL with a password": r"\b[a-z][a-z0-9+.-]{2,}://[^\s:/@]*:[^\s:/@*{<$][^\s:/@]{2,}@[^\s/]+",
}
"""By what they are; in the syntax of RE2, which Python shares."""

ANY_SECRET: Final = "|".join(f"(?:{pattern})" for pattern in SECRET_PATTERNS.values())

SHORTEST: Final = 16
"""Characters that a text with a secret has at least."""

_WHOLE_KEY: Final = (
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]*-----|\Z)"
)
_ANY: Final = re.compile(f"{_WHOLE_KEY}|{ANY_SECRET}")


def without_secrets(text: str) -> str:
    """`text` with each secret cut after its first four characters."""
    if len(text) < SHORTEST:
        return text
    return _ANY.sub(lambda found: found[0][:4] + "********", text)
