"""What an operator does to a RabbitMQ broker: create what the bus needs, say who may do what there.

Importing it imports the driver.
"""

from bus.transports.rabbitmq_permissions import Duties, Rights, rights, script
from bus.transports.rabbitmq_provision import Probe, provision

__all__ = ["Duties", "Probe", "Rights", "provision", "rights", "script"]
