"""Fixtures that every test may use."""

from tests.support.rabbitmq_node import rabbitmq_node

__all__ = ["rabbitmq_node"]
