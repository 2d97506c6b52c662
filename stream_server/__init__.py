"""The service: the outside world of streams, clients, storage and alerts."""
