"""What secrets look like: only forms that nothing else has.

*Not here*: high entropy as such, which serial numbers and aircraft registrations have, too.
*Source*: the patterns that the issuers publish, as collected by gitleaks and GitHub.
"""

import re
from collections.abc import Mapping
from typing import Final

SECRET_PATTERNS: Final[Mapping[str, str]] = {
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "Google API key": r"\bAIza[0-9A-Za-z_-]{35}",
    "GitHub token": r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{50,})",
    "GitLab token": r"\bglpat-[0-9A-Za-z_-]{20}",
    "Slack token": r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}",
    "Slack webhook": r"hooks\.slack\.com/services/T[0-9A-Z]+/B[0-9A-Z]+/[0-9A-Za-z]{20,}",
    "Stripe key": r"\b[rs]k_(?:live|test)_[0-9A-Za-z]{20,}",
    "OpenAI or Anthropic key": r"\bsk-(?:proj-|ant-)?[0-9A-Za-z_-]{20,}",
    "SendGrid key": r"\bSG\.[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}",
    "npm token": r"\bnpm_[0-9A-Za-z]{36}\b",
    "Azure storage key": r"AccountKey=[0-9A-Za-z+/]{80,}",
    "JSON web token": r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "URL with a password": r"\b[a-z][a-z0-9+.-]{2,}://[^\s:/@]+:[^\s:/@]{3,}@[^\s/]+",
}
"""By what they are; in the syntax of RE2, which Python shares."""

ANY_SECRET: Final = "|".join(f"(?:{pattern})" for pattern in SECRET_PATTERNS.values())

_ANY: Final = re.compile(ANY_SECRET)


def without_secrets(text: str) -> str:
    """`text` with each secret cut after its first four characters."""
    return _ANY.sub(lambda found: found[0][:4] + "********", text)
