"""Every way in that is fuzzed, by name."""

from tests.fuzz import commands, places, statements, wire

TARGETS = wire.TARGETS | statements.TARGETS | places.TARGETS | commands.TARGETS
