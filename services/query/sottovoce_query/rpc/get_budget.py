"""What slices may spend and have spent."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import grpc

from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.privacy import (
    MONTH_DAYS,
    ChargeRecord,
    Ledger,
    Pot,
    Reading,
    SliceAccount,
    read_odometer,
)
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import QuestionError
from sottovoce_query.ranges import to_timestamp
from sottovoce_query.releases.desk import QUESTIONS_OF_A_RESERVE
from sottovoce_query.releases.releasing import Releasing
from sottovoce_query.releases.statistic import STATISTICS
from sottovoce_query.sources import Source, Sources, read_size

DEFAULT_SIZE: Final = 24
MAX_SIZE: Final = 1_000


def get_budget(
    request: query_pb2.GetBudgetRequest, sources: Sources
) -> query_pb2.GetBudgetResponse:
    """Answer GetBudget, from the ledger as far as it was read."""
    releasing = _releasing(sources)
    size = read_size(request.size, DEFAULT_SIZE, MAX_SIZE)
    names = [request.data_set] if request.data_set else sorted(sources.by_name)
    every = [sources.of(name) for name in names]
    ledger = releasing.engine.ledger
    with releasing.engine.locked():
        paid = list(ledger.accounts())
        response = query_pb2.GetBudgetResponse(
            data_sets=[_data_set(each, ledger, paid, size) for each in every]
        )
        if ledger.opening is not None:
            response.ledger = ledger.opening.ledger.hex()
            response.opened_at.CopyFrom(to_timestamp(ledger.opening.opened_at_ms))
        delta = Fraction(releasing.delta)
        response.worst_day.CopyFrom(_odometer(read_odometer(ledger, 1, delta)))
        response.worst_month.CopyFrom(_odometer(read_odometer(ledger, MONTH_DAYS, delta)))
    return response


def list_charges(
    request: query_pb2.ListChargesRequest, sources: Sources
) -> list[query_pb2.ListChargesResponse]:
    """Answer ListCharges: the history of the ledger, for whoever checks it."""
    releasing = _releasing(sources)
    if request.data_set:
        sources.of(request.data_set)
    with releasing.engine.locked():
        charges = list(releasing.engine.ledger.charges())
    return [_charge(each) for each in charges if request.data_set in ("", each.key.data_set)]


def _releasing(sources: Sources) -> Releasing:
    if sources.releasing is None:
        raise QuestionError(
            grpc.StatusCode.FAILED_PRECONDITION,
            "NO_LEDGER",
            "the privacy mode is personal: nothing is charged, and there is no budget to tell of",
        )
    return sources.releasing


def _data_set(
    source: Source, ledger: Ledger, paid: list[tuple[str, int, SliceAccount]], size: int
) -> query_pb2.DataSetBudget:
    name = source.cells.data_set.name
    own = sorted(((start, account) for data_set, start, account in paid if data_set == name))
    budget = query_pb2.DataSetBudget(
        data_set=name, slices=[_slice(*each) for each in reversed(own[-size:])]
    )
    allowance = ledger.latest_allowance(name)
    if allowance is not None:
        bound = source.cells.terms.at(allowance.from_ms).listens_per_slice
        plan = allowance.plan
        noises = {
            each.statistic: plan.noise(
                each.statistic, STATISTICS[each.statistic].sensitivity(bound)
            )
            for each in plan.standing
            if each.statistic in STATISTICS
        }
        budget.plan.CopyFrom(
            query_pb2.BudgetPlan(
                epsilon=float(plan.budget.epsilon),
                delta=float(plan.budget.delta),
                reserve=float(plan.budget.reserve),
                question=float(plan.budget.reserve / QUESTIONS_OF_A_RESERVE),
                slices_per_day=allowance.slices_per_day,
                listens_per_slice=bound,
                standing=[
                    query_pb2.BudgetShare(
                        statistic=each.statistic,
                        share=float(each.share),
                        mechanism=each.mechanism.value,
                        scale=noises[each.statistic].scale if each.statistic in noises else 0.0,
                    )
                    for each in plan.standing
                ],
            )
        )
        budget.from_slice.CopyFrom(to_timestamp(allowance.from_ms))
    return budget


def _slice(start_ms: int, account: SliceAccount) -> query_pb2.SliceBudget:
    return query_pb2.SliceBudget(
        start=to_timestamp(start_ms),
        allowed=float(account.budget.epsilon),
        spent=float(account.epsilon),
        delta=float(account.delta),
        standing_left=float(account.left(Pot.STANDING)),
        reserve_left=float(account.left(Pot.RESERVE)),
    )


def _odometer(reading: Reading) -> query_pb2.Odometer:
    message = query_pb2.Odometer(
        days=reading.days,
        epsilon=float(reading.epsilon),
        delta=float(reading.delta),
        allowed=float(reading.allowed),
    )
    if reading.first_day is not None:
        message.first_day.CopyFrom(to_timestamp(reading.first_day * DAY_MS))
    return message


def _charge(record: ChargeRecord) -> query_pb2.ListChargesResponse:
    key, noise, charge = record.key, record.noise, record.charge
    message = query_pb2.ListChargesResponse(
        data_set=key.data_set,
        first_slice=to_timestamp(key.slices[0]),
        slices=len(key.slices),
        statistic=key.statistic,
        parameters=key.parameters,
        pot=record.pot.value,
        rho=float(charge.rho),
        delta=float(charge.delta),
        made_at=to_timestamp(record.made_at_ms),
    )
    if noise is not None:
        message.mechanism = noise.mechanism.value
        message.scale = noise.scale
        message.sensitivity = noise.sensitivity
    if charge.epsilon is not None:
        message.epsilon = float(charge.epsilon)
    return message
