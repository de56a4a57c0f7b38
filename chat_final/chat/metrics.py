"""What Prometheus may ask for, at /metrics. Never a text, a name or an address."""

from prometheus_client import Counter, Gauge, Histogram

SOCKETS = Gauge("chat_sockets", "Open sockets of this process")
MESSAGES = Counter("chat_messages", "Messages stored by this process")
DELIVERIES = Counter("chat_deliveries", "Events sent on to sockets of this process")
REFUSALS = Counter("chat_refusals", "What was refused, by the code in the error frame", ["code"])
CLOSES = Counter("chat_closes", "Sockets that this process has closed", ["code"])
LAYER_FAILURES = Counter("chat_layer_failures", "Calls of the channel layer that failed")
STORE_SECONDS = Histogram("chat_store_seconds", "What it took to store a post, or to refuse it")
