import socket
import subprocess
import sys

import pytest
from streamlit import config

from sottovoce_dashboard import main
from sottovoce_dashboard.settings import DashboardSettings


def test_it_tells_nobody_and_listens_on_this_machine_only():
    options = main.streamlit_options(DashboardSettings())
    assert options["browser.gatherUsageStats"] is False
    assert options["server.address"] == "127.0.0.1"


def test_streamlit_knows_every_option():
    known = config.get_config_options()
    assert not set(main.streamlit_options(DashboardSettings())) - set(known)


def test_streamlit_finds_no_pages_of_its_own_to_run_instead_of_the_app():
    # With a folder `pages`, the first session of all sees a blank page if it comes by a deep link.
    assert main._APP.exists()
    assert not main._APP.with_name("pages").exists()


def test_a_busy_port_is_one_clear_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "sottovoce_dashboard.main", f"--dashboard-port={port}"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr == (
        f"error: the dashboard can't listen on 127.0.0.1:{port} (Address already in use): "
        "choose another dashboard_port or dashboard_host\n"
    )


@pytest.mark.parametrize(
    ("flag", "word"),
    [("--query-address=nowhere", "query_address"), ("--dashboard-port=0", "dashboard_port")],
)
def test_a_wrong_setting_is_one_clear_sentence(flag, word, capsys):
    with pytest.raises(SystemExit) as ended:
        main.main([flag])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith(f"error: {word}")
