"""For each alert: series that raise it, and series like them that do not."""

from __future__ import annotations

from dataclasses import dataclass, field

type Series = dict[str, str]
"""A series' name with its labels, and its values at each minute, as promtool writes them."""


@dataclass(frozen=True)
class Case:
    """An alert.

    Attributes:
        at: when it has been raised.
        raising: series that raise it.
        quiet: series that do not.
        labels: those of the alert, besides its severity.
    """

    at: str
    raising: Series
    quiet: Series
    labels: dict[str, str] = field(default_factory=lambda: {"namespace": "m"})
    severity: str = "warning"


M = 'namespace="m"'
LIVE = {"namespace": "m", "data_set": "live"}

CASES = {
    "SottovoceConsumerAbsent": Case(
        "6m",
        {'sottovoce_build_info{service="query"}': "1x20"},
        {"sottovoce_consumer_last_commit_timestamp_seconds": "0x20"},
        {},
        "critical",
    ),
    "SottovoceConsumerStalled": Case(
        "10m",
        {f"sottovoce_consumer_last_commit_timestamp_seconds{{{M}}}": "0x20"},
        {f"sottovoce_consumer_last_commit_timestamp_seconds{{{M}}}": "0+60x20"},
        severity="critical",
    ),
    "SottovoceConsumerLags": Case(
        "30m",
        {
            f'sottovoce_consumer_lag_records{{{M},data_set="live",shard="0"}}': "50000x60",
            f'sottovoce_consumer_listens_admitted_total{{{M},data_set="live"}}': "0+600x60",
        },
        {
            f'sottovoce_consumer_lag_records{{{M},data_set="live",shard="0"}}': "50000x60",
            f'sottovoce_consumer_listens_admitted_total{{{M},data_set="live"}}': "0+60000x60",
        },
        LIVE,
    ),
    "SottovoceLossNear": Case(
        "10m",
        {
            f'sottovoce_consumer_lag_records{{{M},data_set="live",shard="0"}}': "5000x20",
            f'sottovoce_consumer_margin_records{{{M},data_set="live",shard="0"}}': "4000x20",
        },
        {
            f'sottovoce_consumer_lag_records{{{M},data_set="live",shard="0"}}': "5000x20",
            f'sottovoce_consumer_margin_records{{{M},data_set="live",shard="0"}}': "6000x20",
        },
        {**LIVE, "shard": "0"},
        "critical",
    ),
    "SottovoceRecordsLost": Case(
        "2m",
        {f'sottovoce_consumer_records_lost_total{{{M},data_set="live"}}': "7x5"},
        {f'sottovoce_consumer_records_lost_total{{{M},data_set="live"}}': "0x5"},
        LIVE,
        "critical",
    ),
    "SottovoceManyRefused": Case(
        "60m",
        {
            f'sottovoce_consumer_listens_refused_total{{{M},data_set="live",reason="late"}}': (
                "0+30x90"
            ),
            f'sottovoce_consumer_listens_admitted_total{{{M},data_set="live"}}': "0+600x90",
        },
        {
            f'sottovoce_consumer_listens_refused_total{{{M},data_set="live",reason="late"}}': (
                "0+3x90"
            ),
            f'sottovoce_consumer_listens_admitted_total{{{M},data_set="live"}}': "0+600x90",
        },
        LIVE,
    ),
    "SottovoceHeartbeatsFail": Case(
        "20m",
        {f"sottovoce_consumer_heartbeats_failed_total{{{M}}}": "0+1x30"},
        {f"sottovoce_consumer_heartbeats_failed_total{{{M}}}": "5x30"},
    ),
    "SottovoceStale": Case(
        "10m",
        {f'sottovoce_query_freshness_seconds{{{M},data_set="live"}}': "1200x20"},
        {
            f'sottovoce_query_freshness_seconds{{{M},data_set="live"}}': "400x20",
            f'sottovoce_query_freshness_seconds{{{M},data_set="history"}}': "999999x20",
        },
    ),
    "SottovoceProducerAbsent": Case(
        "6m",
        {'sottovoce_build_info{service="query"}': "1x20"},
        {"sottovoce_producer_listeners": "0x20"},
        {},
        "critical",
    ),
    "SottovoceTransactionsSlow": Case(
        "40m",
        {
            f'sottovoce_producer_transaction_seconds_bucket{{{M},le="2.5"}}': "0+1x60",
            f'sottovoce_producer_transaction_seconds_bucket{{{M},le="5"}}': "0+60x60",
            f'sottovoce_producer_transaction_seconds_bucket{{{M},le="+Inf"}}': "0+60x60",
        },
        {
            f'sottovoce_producer_transaction_seconds_bucket{{{M},le="2.5"}}': "0+60x60",
            f'sottovoce_producer_transaction_seconds_bucket{{{M},le="5"}}': "0+60x60",
            f'sottovoce_producer_transaction_seconds_bucket{{{M},le="+Inf"}}': "0+60x60",
        },
    ),
    "SottovoceVaultUnderOldKey": Case(
        "1500m",
        {f'sottovoce_producer_vault_entries{{{M},key="older"}}': "3x1600"},
        {
            f'sottovoce_producer_vault_entries{{{M},key="older"}}': "0x1600",
            f'sottovoce_producer_vault_entries{{{M},key="current"}}': "3x1600",
        },
    ),
    "SottovoceQueryAbsent": Case(
        "6m",
        {'sottovoce_build_info{service="consumer"}': "1x20"},
        {"sottovoce_query_start_lag_records": "0x20"},
        {},
        "critical",
    ),
    "SottovoceCallsFail": Case(
        "40m",
        {
            f'sottovoce_query_calls_total{{{M},method="ListTop",code="OK"}}': "0+100x60",
            f'sottovoce_query_calls_total{{{M},method="ListTop",code="UNAVAILABLE"}}': "0+5x60",
        },
        {
            f'sottovoce_query_calls_total{{{M},method="ListTop",code="OK"}}': "0+100x60",
            f'sottovoce_query_calls_total{{{M},method="ListTop",code="RESOURCE_EXHAUSTED"}}': (
                "0+50x60"
            ),
        },
        severity="critical",
    ),
    "SottovoceCallsSlow": Case(
        "40m",
        {
            f'sottovoce_query_call_seconds_bucket{{{M},method="ListTop",le="1"}}': "0+1x60",
            f'sottovoce_query_call_seconds_bucket{{{M},method="ListTop",le="2"}}': "0+60x60",
            f'sottovoce_query_call_seconds_bucket{{{M},method="ListTop",le="+Inf"}}': "0+60x60",
        },
        {
            f'sottovoce_query_call_seconds_bucket{{{M},method="WatchTrends",le="1"}}': "0+1x60",
            f'sottovoce_query_call_seconds_bucket{{{M},method="WatchTrends",le="+Inf"}}': (
                "0+60x60"
            ),
        },
        {"namespace": "m", "method": "ListTop"},
    ),
    "SottovoceCallersUnreadable": Case(
        "10m",
        {f"sottovoce_access_file_broken{{{M}}}": "1x20"},
        {f"sottovoce_access_file_broken{{{M}}}": "0x20"},
    ),
    "SottovoceCredentialsGuessed": Case(
        "40m",
        {f'sottovoce_access_refusals_total{{{M},reason="CREDENTIALS_WRONG"}}': "0+120x60"},
        {f'sottovoce_access_refusals_total{{{M},reason="RATE_LIMITED"}}': "0+120x60"},
    ),
    "SottovoceReserveNearlySpent": Case(
        "10m",
        {
            f'sottovoce_query_slice_epsilon_left{{{M},pod="q",data_set="live",pot="reserve"}}': (
                "0.005x20"
            ),
            f'sottovoce_query_slice_epsilon_allowed{{{M},pod="q",data_set="live"}}': "1x20",
            f'sottovoce_query_slice_epsilon_share{{{M},pod="q",data_set="live",'
            'statistic="reserve"}': "0.1x20",
        },
        {
            f'sottovoce_query_slice_epsilon_left{{{M},pod="q",data_set="live",pot="reserve"}}': (
                "0.05x20"
            ),
            f'sottovoce_query_slice_epsilon_allowed{{{M},pod="q",data_set="live"}}': "1x20",
            f'sottovoce_query_slice_epsilon_share{{{M},pod="q",data_set="live",'
            'statistic="reserve"}': "0.1x20",
        },
        LIVE,
        "info",
    ),
    "SottovoceReleasesRefused": Case(
        "60m",
        {f'sottovoce_query_releases_refused_total{{{M},data_set="live",reason="spent"}}': "0+1x90"},
        {f'sottovoce_query_releases_refused_total{{{M},data_set="live",reason="spent"}}': "9x90"},
        LIVE,
    ),
    "SottovoceErasureWaits": Case(
        "70m",
        {f'sottovoce_consumer_erasures{{{M},step="denied"}}': "1x90"},
        {f'sottovoce_consumer_erasures{{{M},step="tombstoned"}}': "1x90"},
    ),
    "SottovoceErasureNotCompacted": Case(
        "4400m",
        {f'sottovoce_consumer_erasures{{{M},step="tombstoned"}}': "1x4500"},
        {f'sottovoce_consumer_erasures{{{M},step="denied"}}': "1x4500"},
    ),
}
