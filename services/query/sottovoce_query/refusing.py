"""How a call ends that gets no answer, whichever service it asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from sottovoce.service.logging import get_logger
from sottovoce_query.errors import QuestionError
from sottovoce_query.metrics import CallMetrics

type Context = grpc.aio.ServicerContext[Any, Any]


@asynccontextmanager
async def counted(metrics: CallMetrics, name: str, context: Context) -> AsyncIterator[None]:
    """Count a call, and refuse it with the reason for which it ends."""
    began = time.perf_counter()
    code = "OK"
    try:
        yield
    except QuestionError as error:
        code = error.code.name
        await refuse(context, error)
    except (asyncio.CancelledError, GeneratorExit):
        code = "CANCELLED"
        raise
    except Exception as error:
        code = "INTERNAL"
        await refuse(context, fault(name, error))
        raise
    finally:
        metrics.ended(name, code, time.perf_counter() - began)


async def refuse(context: Context, error: QuestionError) -> None:
    """End a call with a rich status."""
    details = (("grpc-status-details-bin", error.to_status().SerializeToString()),)
    await context.abort(error.code, str(error), details)


def fault(method: str, error: Exception) -> QuestionError:
    """Return what a caller is told where the service itself failed; its log says more."""
    get_logger().error("a question failed", method=method, exc_info=error)
    return QuestionError(
        grpc.StatusCode.INTERNAL, "FAULT", "the service failed at this question; its log says why"
    )
