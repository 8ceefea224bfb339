from prometheus_client import CollectorRegistry, Counter, start_http_server

from sottovoce.local.metrics_page import read_metrics
from sottovoce.local.ports import free_port


def test_a_page_is_read_and_summed_by_labels():
    registry = CollectorRegistry()
    plays = Counter("plays_total", "Plays", ["data_set", "outcome"], registry=registry)
    plays.labels("live", "taken").inc(3)
    plays.labels("live", "late").inc(2)
    plays.labels("history", "taken").inc(4)
    port = free_port()
    server, thread = start_http_server(port, "127.0.0.1", registry)
    try:
        page = read_metrics(port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert page.total("plays_total") == 9
    assert page.total("plays_total", data_set="live") == 5
    assert page.total("plays_total", data_set="dead") is None
    assert page.by_label("plays_total", "outcome", data_set="live") == {"taken": 3, "late": 2}


def test_a_service_that_serves_no_metrics_is_none():
    assert read_metrics(free_port()) is None
