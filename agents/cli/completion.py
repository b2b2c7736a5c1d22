"""`convener completion`: what makes a shell complete commands, options and file names.

*Source*: Click, "Shell Completion".
"""

from typing import Final

import click

from agents.cli.pages import exit_codes

SHELLS: Final = ("bash", "zsh", "fish")


@click.command(epilog=exit_codes())
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print what makes SHELL complete `convener`.

    \b
    Examples:
      eval "$(convener completion bash)"     in ~/.bashrc
      eval "$(convener completion zsh)"      in ~/.zshrc, after compinit
      convener completion fish | source      in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    completer = get_completion_class(shell)
    assert completer is not None
    root = context.find_root()
    # Not `source()`, which starts a bash to see whether it is a new one.
    script = completer(root.command, {}, "convener", "_CONVENER_COMPLETE")
    click.echo(script.source_template % script.source_vars())
    return 0
