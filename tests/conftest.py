"""Fixtures that every test may use."""

from tests.support.rabbitmq_node import mortal_node, rabbitmq_node
from tests.support.redis_server import redis_url

__all__ = ["mortal_node", "rabbitmq_node", "redis_url"]
