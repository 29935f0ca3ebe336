"""The driver that does nothing: it measures everything around the work."""

import msgspec

from agents.client.drivers.base import NOT_EXECUTABLE, End, Place
from agents.wire.messages import Order
from agents.wire.specs import NoopSpec


class NoopDriver:
    """Ends at once with the code that was asked for; no process, no files."""

    name = "noop"

    def prepare(self, order: Order, place: Place) -> End:
        try:
            spec = msgspec.convert(order.task.work, NoopSpec)
        except msgspec.ValidationError as error:
            return End(NOT_EXECUTABLE, signal_reason="process_run_error", message=str(error))
        return End(spec.exit_code)
