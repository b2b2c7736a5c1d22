"""Language models behind the seam `agents.model`.

*Guarantees*: importing this package imports no library of a provider; nothing that a model is asked
is sent to a tracing service unless the environment asks for that.
"""

import os

os.environ.setdefault("LANGSMITH_TRACING", "false")
