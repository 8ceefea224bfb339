"""The producer's own doors, where accounts are resolved and listeners retired; for stewards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Self, cast

import grpc

from sottovoce.client.settings import CallerSettings
from sottovoce.erasure.pseudonyms import halves_of, pseudonym_of
from sottovoce.errors import SottovoceError
from sottovoce.wire.v1 import producer_pb2, producer_pb2_grpc

_SECONDS = 60.0


class NotRetiredError(SottovoceError):
    """A producer did not do what it was asked; nothing is lost by asking again."""


class Producers:
    """Every writer's door; use it as a context manager.

    Args:
        targets: HOST:PORT of each.
        caller: what is shown to them.

    Raises:
        CredentialsUnusable: a file can't be read, or the token would go unencrypted.
    """

    def __init__(self, targets: Sequence[str], caller: CallerSettings) -> None:
        self._targets = targets
        self._caller = caller
        self._open = ExitStack()
        self._stubs = {
            target: producer_pb2_grpc.ProducerServiceStub(
                self._open.enter_context(caller.channel(target))
            )
            for target in targets
        }

    def resolve(self, account: str) -> bytes:
        """Return the pseudonym of an account; of an unknown one, a pseudonym that nobody has.

        Raises:
            NotRetiredError: no door that was named is that of its writer, or it does not answer.
        """
        asked = producer_pb2.ResolveAccountRequest(account=account)
        found = self._of_owner(lambda stub: stub.ResolveAccount, asked)
        return pseudonym_of(found.listener_high, found.listener_low)

    def retire_account(self, account: str) -> None:
        """Have an account forgotten: its pseudonym, the tokens of its connection, its cursors.

        Raises:
            NotRetiredError: see `resolve`.
        """
        asked = producer_pb2.ForgetAccountRequest(account=account)
        self._of_owner(lambda stub: stub.ForgetAccount, asked)

    def retire_listener(self, pseudonym: bytes) -> None:
        """Have whoever has a pseudonym forgotten; one that nobody has is retired all the same.

        Raises:
            NotRetiredError: a door does not answer, or not all writers' doors were named.
        """
        high, low = halves_of(pseudonym)
        asked = producer_pb2.ForgetListenerRequest(listener_high=high, listener_low=low)
        answers = [
            self._ask(target, lambda stub: stub.ForgetListener, asked) for target in self._targets
        ]
        writers = max(each.writers for each in answers)
        if writers != len(self._targets):
            raise NotRetiredError(
                f"there are {writers} writers and {len(self._targets)} were asked: name the doors "
                "of all with --producer, because any of them may know the listener"
            )
        if writers > 1:
            asked.all_others_asked = True
            self._ask(self._targets[0], lambda stub: stub.ForgetListener, asked)

    def rest(self, pseudonym: bytes, after_ms: int) -> None:
        """Keep a forgotten listener from coming back before the first UTC day after a time.

        Raises:
            NotRetiredError: a door does not answer.
        """
        high, low = halves_of(pseudonym)
        asked = producer_pb2.RestListenerRequest(
            listener_high=high, listener_low=low, after_ms=after_ms
        )
        for target in self._targets:
            self._ask(target, lambda stub: stub.RestListener, asked)

    def _of_owner(self, method: Callable[[Any], Any], asked: Any) -> Any:
        refused: NotRetiredError | None = None
        for target in self._targets:
            try:
                return self._ask(target, method, asked)
            except _ForeignError as error:
                refused = error
        raise NotRetiredError(f"{refused}; name the doors of all writers with --producer")

    def _ask(self, target: str, method: Callable[[Any], Any], asked: Any) -> Any:
        try:
            return method(self._stubs[target])(
                asked, timeout=_SECONDS, metadata=self._caller.metadata()
            )
        except grpc.RpcError as error:
            call = cast("grpc.Call", error)
            why = call.details() or call.code().name
            if call.code() == grpc.StatusCode.FAILED_PRECONDITION:
                raise _ForeignError(f"the producer at {target}: {why}") from error
            raise NotRetiredError(
                f"the producer at {target} did not do it: {why}. Run this again when it answers: "
                "what is done already stays done"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


class _ForeignError(NotRetiredError):
    """The account is another writer's."""
