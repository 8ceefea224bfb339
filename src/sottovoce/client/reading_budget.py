"""From messages about budgets to plain values."""

from __future__ import annotations

from sottovoce.client.budget import (
    Budget,
    BudgetPlan,
    BudgetShare,
    DataSetBudget,
    LedgerCharge,
    Odometer,
    SliceBudget,
)
from sottovoce.client.reading import time
from sottovoce.wire.v1 import query_pb2


def budget(message: query_pb2.GetBudgetResponse) -> Budget:
    """Return the answer of GetBudget."""
    return Budget(
        ledger=message.ledger,
        opened_at=time(message.opened_at) if message.HasField("opened_at") else None,
        data_sets=tuple(map(_data_set, message.data_sets)),
        worst_day=_odometer(message.worst_day),
        worst_month=_odometer(message.worst_month),
    )


def charge(message: query_pb2.ListChargesResponse) -> LedgerCharge:
    """Return one message of ListCharges."""
    return LedgerCharge(
        data_set=message.data_set,
        first_slice=time(message.first_slice),
        slices=message.slices,
        statistic=message.statistic,
        parameters=message.parameters,
        pot=message.pot,
        mechanism=message.mechanism,
        scale=message.scale,
        sensitivity=message.sensitivity,
        epsilon=message.epsilon if message.HasField("epsilon") else None,
        rho=message.rho,
        delta=message.delta,
        made_at=time(message.made_at),
    )


def _data_set(message: query_pb2.DataSetBudget) -> DataSetBudget:
    return DataSetBudget(
        data_set=message.data_set,
        plan=_plan(message.plan) if message.HasField("plan") else None,
        from_slice=time(message.from_slice) if message.HasField("from_slice") else None,
        slices=tuple(map(_slice, message.slices)),
    )


def _plan(message: query_pb2.BudgetPlan) -> BudgetPlan:
    return BudgetPlan(
        epsilon=message.epsilon,
        delta=message.delta,
        reserve=message.reserve,
        question=message.question,
        slices_per_day=message.slices_per_day,
        listens_per_slice=message.listens_per_slice,
        standing=tuple(
            BudgetShare(each.statistic, each.share, each.mechanism, each.scale)
            for each in message.standing
        ),
    )


def _slice(message: query_pb2.SliceBudget) -> SliceBudget:
    return SliceBudget(
        start=time(message.start),
        allowed=message.allowed,
        spent=message.spent,
        delta=message.delta,
        standing_left=message.standing_left,
        reserve_left=message.reserve_left,
    )


def _odometer(message: query_pb2.Odometer) -> Odometer:
    return Odometer(
        first_day=time(message.first_day) if message.HasField("first_day") else None,
        days=message.days,
        epsilon=message.epsilon,
        delta=message.delta,
        allowed=message.allowed,
    )
