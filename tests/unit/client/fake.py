"""A transport that answers from a table, without a network."""

from __future__ import annotations


class FakeTransport:
    """Answers each method with what it was told, and remembers what it was asked."""

    def __init__(self, **responses):
        self.responses = responses
        self.asked = []
        self.closed = False

    def unary(self, method, request, timeout):
        self.asked.append((method, request, timeout))
        response = self.responses[method]
        if isinstance(response, Exception):
            raise response
        return response

    def stream(self, method, request, timeout=None):
        self.asked.append((method, request, None))
        yield from self.responses[method]

    def close(self):
        self.closed = True


class AsyncFakeTransport(FakeTransport):
    """The same for an event loop."""

    async def unary(self, method, request, timeout):
        return super().unary(method, request, timeout)

    async def stream(self, method, request, timeout=None):
        for response in self.responses[method]:
            yield response

    async def close(self):
        self.closed = True
