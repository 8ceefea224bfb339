"""Every RPC, every role, every kind of credential, over real gRPC and real TLS."""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from prometheus_client import CollectorRegistry
from tests.certificates import Authority
from tests.memory_erasures import register_of
from tests.unit.query.conftest import hold, serve
from tests.unit.query.crowd import HISTORY, Crowd
from tests.unit.query.serving import Serving, ServingSettings

import sottovoce.wire.v1
from sottovoce.client import (
    AsyncClient,
    Client,
    CredentialsUnusable,
    NotAllowed,
    Tls,
    TooManyQuestions,
    Unavailable,
)
from sottovoce.client.settings import CallerSettings
from sottovoce.local import ports
from sottovoce.service.access import (
    Callers,
    Entry,
    Role,
    current_caller,
    new_token,
    token_hash,
    write_callers,
)
from sottovoce.service.access.roles import RULES
from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.errors import ProducerError
from sottovoce_producer.hand_over import RunningProducer
from sottovoce_producer.plays import Plays
from sottovoce_producer.rpc import Door
from sottovoce_producer.settings import RunSettings
from sottovoce_producer.writer import Batch


def every_method():
    """Every RPC of every service that the wire knows."""
    found = []
    for each in pkgutil.iter_modules(sottovoce.wire.v1.__path__):
        module = importlib.import_module(f"sottovoce.wire.v1.{each.name}")
        if each.name.endswith("_pb2"):
            for service in module.DESCRIPTOR.services_by_name.values():
                found += service.methods
    return found


METHODS = every_method()
WHO = {
    "no token": ("UNAUTHENTICATED", "CREDENTIALS_MISSING"),
    "a wrong token": ("UNAUTHENTICATED", "CREDENTIALS_WRONG"),
    "a hash": ("UNAUTHENTICATED", "CREDENTIALS_WRONG"),
    "another scheme": ("UNAUTHENTICATED", "CREDENTIALS_WRONG"),
    "expired": ("UNAUTHENTICATED", "TOKEN_EXPIRED"),
    **{str(role): ("PERMISSION_DENIED", "ROLE_MISSING") for role in Role},
}
"""Who calls, and how a caller is refused that is not let in."""


class Desk:
    """A file of callers with one token for each role, and an expired one with all of them."""

    def __init__(self, folder):
        self.path = folder / "callers.json"
        self.tokens = {str(role): new_token() for role in Role} | {"expired": new_token()}
        past = datetime.now(UTC) - timedelta(seconds=1)
        self.entries = [
            self.entry(str(role), {role}, token_sha256=token_hash(self.tokens[role]))
            for role in Role
        ]
        expired = token_hash(self.tokens["expired"])
        self.entries.append(self.entry("old", set(Role), token_sha256=expired, expires_at=past))
        self.write()

    @staticmethod
    def entry(name, roles, **shown):
        return Entry(name=name, roles=roles, **shown)

    def write(self, *more):
        write_callers(self.path, Callers([*self.entries, *more]))

    def metadata(self, who):
        shown = {
            "no token": None,
            "a wrong token": f"Bearer {new_token()}",
            "a hash": f"Bearer {token_hash(self.tokens[Role.ANALYST])}",
            "another scheme": f"Basic {self.tokens[Role.ANALYST]}",
        }.get(who, f"Bearer {self.tokens.get(who)}")
        return () if shown is None else (("authorization", shown),)


class Sink:
    """Takes whatever is handed over."""

    def __init__(self):
        self.connected = []

    def cursor(self, source):
        return None

    def write(self, batch):
        return producer_pb2.PlayCounts(taken=len(batch.plays))

    def connect(self, account, tokens):
        self.connected.append(account)


class Accounts:
    """Knows nobody."""

    def resolve(self, account):
        return 1, 2

    def forget(self, account):
        return 0

    writers = 1

    def forget_listener(self, pseudonym, *, all_others_asked=False):
        return 0

    def rest(self, pseudonym, after_ms):
        pass


@pytest.fixture(scope="module")
def sources():
    crowds = {
        "live": Crowd(),
        "history": Crowd(HISTORY, 86_400_000 * 12_000, slices=4, listens=400, seed=2),
    }
    return serve(crowds)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Both servers over TLS, with the same callers."""
    folder = tmp_path_factory.mktemp("access")
    authority = Authority(folder)
    cert, key = authority.server()
    desk = Desk(folder)
    told = {"access_file": desk.path, "tls_cert_file": cert, "tls_key_file": key}
    crowd = Crowd()
    serving = Serving(access=ServingSettings(**told))
    serving.open(serve({"live": crowd}), register_of([], [crowd.data_set]))
    door = Door(Sink(), Accounts(), RunSettings(rpc_port=0, **told), CollectorRegistry())
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes())
    channels = {
        "sottovoce.v1.QueryService": grpc.secure_channel(serving.address, credentials),
        "sottovoce.v1.ErasureService": grpc.secure_channel(serving.address, credentials),
        "sottovoce.v1.ProducerService": grpc.secure_channel(door.address, credentials),
    }
    yield desk, channels
    for channel in channels.values():
        channel.close()
    door.close()
    serving.stop()


def call(channel, path, metadata, *, streams_in=False, streams_out=False, request=b""):
    """Call with an empty message; return how it ended: code and reason."""
    kind = f"{'stream' if streams_in else 'unary'}_{'stream' if streams_out else 'unary'}"
    asked = iter([request]) if streams_in else request
    try:
        answer = getattr(channel, kind)(path)(asked, metadata=metadata, timeout=10)
        if streams_out:
            next(answer)
            answer.cancel()
    except grpc.RpcError as error:
        return error.code().name, reason_of(error)
    return "OK", ""


def reason_of(error):
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            info = error_details_pb2.ErrorInfo()
            for box in status_pb2.Status.FromString(value).details:
                if box.Unpack(info):
                    return info.reason
    return ""


@pytest.mark.parametrize("method", METHODS, ids=lambda each: each.name)
@pytest.mark.parametrize("who", WHO)
def test_an_rpc_lets_in_who_has_the_role_and_nobody_else(shared, method, who):
    desk, channels = shared
    service = method.containing_service.full_name
    path = f"/{service}/{method.name}"
    ended = call(
        channels[service],
        path,
        desk.metadata(who),
        streams_in=method.client_streaming,
        streams_out=method.server_streaming,
    )
    if who in RULES[path]:
        assert ended[0] not in ("UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED", "INTERNAL")
    else:
        assert ended == WHO[who]


def test_answers_are_for_analysts_and_plays_for_writers():
    names = {each.name: each for each in METHODS}
    assert RULES[path_of(names["ListTop"])] == {Role.ANALYST}
    assert RULES[path_of(names["WatchTrends"])] == {Role.ANALYST}
    assert RULES[path_of(names["WritePlays"])] == {Role.WRITER}
    assert RULES[path_of(names["RequestErasure"])] == {Role.STEWARD}
    assert RULES[path_of(names["GetErasureCertificate"])] == {Role.STEWARD}
    assert len(METHODS) >= 26


def path_of(method):
    return f"/{method.containing_service.full_name}/{method.name}"


def test_an_rpc_without_a_rule_is_refused_to_everybody(monkeypatch, tmp_path, sources):
    rules = {name: rule for name, rule in RULES.items() if not name.endswith("GetStatus")}
    monkeypatch.setattr("sottovoce.service.access.roles.RULES", rules)
    serving = Serving()
    serving.open(sources)
    with grpc.insecure_channel(serving.address) as channel:
        ended = call(channel, "/sottovoce.v1.QueryService/GetStatus", ())
    serving.stop()
    assert ended == ("PERMISSION_DENIED", "RPC_WITHOUT_RULE")
    assert serving.refusals("GetStatus", "RPC_WITHOUT_RULE") == 1


HEALTH = "/grpc.health.v1.Health/Check"
LIST = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()


def reflect(channel, metadata):
    path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    return call(channel, path, metadata, streams_in=True, streams_out=True, request=LIST)


@pytest.mark.parametrize(
    "service",
    [
        "sottovoce.v1.QueryService",
        "sottovoce.v1.ErasureService",
        "sottovoce.v1.ProducerService",
    ],
)
def test_health_is_open_and_reflection_for_callers(shared, service):
    desk, channels = shared
    assert call(channels[service], HEALTH, ())[0] in ("OK", "NOT_FOUND")
    watch = HEALTH.replace("Check", "Watch")
    assert call(channels[service], watch, (), streams_out=True) == ("OK", "")
    assert reflect(channels[service], ()) == WHO["no token"]
    assert reflect(channels[service], desk.metadata("expired")) == WHO["expired"]
    assert reflect(channels[service], desk.metadata("steward")) == ("OK", "")


@pytest.mark.parametrize(
    ("policy", "unknown", "known"),
    [
        ("open", "OK", "OK"),
        ("callers", "UNAUTHENTICATED", "OK"),
        ("off", "UNIMPLEMENTED", "UNIMPLEMENTED"),
    ],
)
def test_health_and_reflection_follow_their_settings(tmp_path, policy, unknown, known):
    desk = Desk(tmp_path)
    told = {"health_access": policy, "reflection_access": policy, "access_file": desk.path}
    serving = Serving(access=ServingSettings(**told))
    request = health_pb2.HealthCheckRequest().SerializeToString()
    with grpc.insecure_channel(serving.address) as channel:
        for who, expected in (("no token", unknown), ("writer", known)):
            metadata = desk.metadata(who)
            assert call(channel, HEALTH, metadata, request=request)[0] == expected
            assert reflect(channel, metadata)[0] == expected
    serving.stop()


def test_on_loopback_without_callers_everybody_may_do_everything(sources):
    serving = Serving()
    serving.open(sources)
    with Client(serving.address) as client:
        assert client.status().data_sets
    with Client(serving.address, token="whatever") as client:
        assert client.status().data_sets
    serving.stop()


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setattr("sottovoce.service.access.callers_file.LOOK_SECONDS", 0.0)
    return Desk(tmp_path)


@pytest.fixture
def serving(desk, sources):
    running = Serving(access=ServingSettings(access_file=desk.path))
    running.open(sources)
    yield running
    running.stop()


def test_a_new_token_counts_and_a_revoked_one_does_not_without_a_restart(desk, serving):
    token = new_token()
    newcomer = desk.entry("newcomer", {Role.ANALYST}, token_sha256=token_hash(token))
    with Client(serving.address, token=token) as client:
        with pytest.raises(NotAllowed) as refused:
            client.status()
        assert refused.value.reason == "CREDENTIALS_WRONG"
        desk.write(newcomer)
        client.status()
        desk.write()
        with pytest.raises(NotAllowed):
            client.status()
        desk.path.write_text("broken")
    with Client(serving.address, token=desk.tokens[Role.ANALYST]) as client:
        client.status()


def test_a_watcher_whose_token_is_revoked_sees_nothing_more(desk):
    crowd = Crowd()
    cells = hold(crowd, through_ms=crowd.start_ms + 40_000)
    serving = Serving(access=ServingSettings(access_file=desk.path))
    sources = serve({"live": crowd}, {"live": cells})
    serving.open(sources)
    with Client(serving.address, token=desk.tokens[Role.ANALYST]) as client:
        trends = client.trends("live")
        next(trends)
        write_callers(desk.path, Callers())
        for shard in range(3):
            cells.apply(shard, *crowd.progress(shard, crowd.start_ms + 50_000, 1))
        cells.update()
        sources.releasing.follow()
        serving.call(serving.service.notify)
        with pytest.raises(NotAllowed) as refused:
            next(trends)
    assert refused.value.reason == "CREDENTIALS_WRONG"
    serving.stop()


def test_a_writer_whose_token_is_revoked_writes_nothing_more(desk):
    door = Door(
        Sink(), Accounts(), RunSettings(rpc_port=0, access_file=desk.path), CollectorRegistry()
    )
    written = []
    requests = [producer_pb2.WritePlaysRequest().SerializeToString()] * 2
    with grpc.insecure_channel(door.address) as channel:

        def send():
            yield requests[0]
            while not written:
                time.sleep(0.01)
            write_callers(desk.path, Callers())
            yield requests[1]

        write = channel.stream_stream("/sottovoce.v1.ProducerService/WritePlays")
        answers = write(send(), metadata=desk.metadata("writer"), timeout=10)
        written.append(next(answers))
        with pytest.raises(grpc.RpcError) as refused:
            next(answers)
    door.close()
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert reason_of(refused.value) == "CREDENTIALS_WRONG"


def test_a_caller_that_calls_too_often_is_told_when_to_come_back(desk, sources):
    slow = new_token()
    entry = desk.entry(
        "slow", {Role.ANALYST}, token_sha256=token_hash(slow), rate_per_second=0.5, rate_burst=2
    )
    desk.write(entry)
    serving = Serving(access=ServingSettings(access_file=desk.path))
    serving.open(sources)
    with (
        Client(serving.address, token=slow) as client,
        Client(serving.address, token=desk.tokens[Role.ANALYST]) as other,
    ):
        for _ in range(2):
            client.status()
        with pytest.raises(TooManyQuestions, match=r"0\.5 times a second") as refused:
            client.status()
        other.status()
    serving.stop()
    assert refused.value.reason == "RATE_LIMITED"
    assert timedelta(seconds=1) < refused.value.retry_after <= timedelta(seconds=2)
    assert serving.refusals("GetStatus", "RATE_LIMITED") == 1


def test_all_callers_of_this_machine_share_one_limit(sources):
    serving = Serving(access=ServingSettings(rate_per_second=0.1, rate_burst=1))
    serving.open(sources)
    with Client(serving.address) as one, Client(serving.address) as other:
        one.status()
        with pytest.raises(TooManyQuestions):
            other.status()
    serving.stop()


def test_a_handler_knows_its_caller(desk, sources, monkeypatch):
    seen = []

    def noted(self, method, asked):
        seen.append(current_caller())

    monkeypatch.setattr("sottovoce_query.answers.Answers.get", noted)
    serving = Serving(access=ServingSettings(access_file=desk.path))
    serving.open(sources)
    for role in (Role.ANALYST, Role.OPERATOR):
        with Client(serving.address, token=desk.tokens[role]) as client:
            client.status()
    serving.stop()
    assert [(each.name, each.roles) for each in seen] == [
        ("analyst", {Role.ANALYST}),
        ("operator", {Role.OPERATOR}),
    ]
    with pytest.raises(LookupError):
        current_caller()


class TestCertificates:
    @pytest.fixture
    def authority(self, tmp_path):
        return Authority(tmp_path)

    @pytest.fixture
    def server_files(self, authority):
        return authority.server()

    @pytest.fixture
    def told(self, desk, authority, server_files):
        cert, key = server_files
        desk.write(
            desk.entry("by-name", {Role.ANALYST}, certificate="dashboard.example"),
            desk.entry("by-uri", {Role.ANALYST}, certificate="spiffe://example/dashboard"),
            desk.entry("writes", {Role.WRITER}, certificate="importer.example"),
        )
        return {
            "access_file": desk.path,
            "tls_cert_file": cert,
            "tls_key_file": key,
            "tls_client_ca_file": authority.file,
        }

    @pytest.fixture
    def serving(self, told, sources):
        running = Serving(access=ServingSettings(**told))
        running.open(sources)
        yield running
        running.stop()

    def test_a_certificates_name_says_whose_it_is(self, serving, authority):
        for names in (["dashboard.example"], ["anything", "spiffe://example/dashboard"]):
            tls = Tls(authority.file, *authority.client(*names))
            with Client(serving.address, tls=tls) as client:
                assert client.status().data_sets

    def test_a_name_that_is_not_let_in_is_refused(self, serving, authority):
        with (
            Client(serving.address, tls=Tls(authority.file, *authority.client("x"))) as client,
            pytest.raises(NotAllowed) as refused,
        ):
            client.status()
        assert refused.value.reason == "CREDENTIALS_WRONG"

    def test_a_certificate_gives_its_roles_and_no_others(self, serving, authority):
        tls = Tls(authority.file, *authority.client("importer.example"))
        with Client(serving.address, tls=tls) as client, pytest.raises(NotAllowed) as refused:
            client.status()
        assert refused.value.reason == "ROLE_MISSING"

    def test_a_token_goes_before_the_certificate(self, serving, authority, desk):
        tls = Tls(authority.file, *authority.client("dashboard.example"))
        with (
            Client(serving.address, tls=tls, token=new_token()) as client,
            pytest.raises(NotAllowed),
        ):
            client.status()
        tls = Tls(authority.file, *authority.client("x"))
        with Client(serving.address, tls=tls, token=desk.tokens[Role.ANALYST]) as client:
            client.status()

    def test_without_one_of_this_authority_there_is_no_connection(
        self, serving, authority, tmp_path
    ):
        other = Authority(tmp_path, "other")
        strangers = (
            Tls(authority.file),
            Tls(authority.file, *other.client("dashboard.example")),
        )
        for tls in strangers:
            with Client(serving.address, tls=tls, timeout=5) as client, pytest.raises(Unavailable):
                client.status()

    def test_a_client_trusts_only_its_authority(self, serving, authority, tmp_path):
        other = Authority(tmp_path, "other")
        tls = Tls(other.file, *authority.client("dashboard.example"))
        with Client(serving.address, tls=tls, timeout=5) as client, pytest.raises(Unavailable):
            client.status()

    def test_a_new_certificate_is_taken_up_and_a_broken_one_is_not(
        self, serving, authority, server_files, tmp_path
    ):
        mine = authority.client("dashboard.example")
        newer = Authority(tmp_path, "newer")
        replaced = newer.server("replaced")

        def answers(authority):
            with Client(serving.address, tls=Tls(authority.file, *mine), timeout=5) as client:
                try:
                    return bool(client.status().data_sets)
                except Unavailable:
                    return False

        assert (answers(authority), answers(newer)) == (True, False)
        replaced[0].replace(server_files[0])  # half of a change: the key is not there yet
        assert (answers(authority), answers(newer)) == (True, False)
        replaced[1].replace(server_files[1])
        assert (answers(authority), answers(newer)) == (False, True)
        server_files[0].unlink()
        assert answers(newer)

    def test_the_producers_door_takes_certificates_too(self, told, authority):
        sink = Sink()
        door = Door(sink, Accounts(), RunSettings(rpc_port=0, **told), CollectorRegistry())

        def caller(name):
            cert, key = authority.client(name)
            return CallerSettings(
                ca_file=authority.file, client_cert_file=cert, client_key_file=key
            )

        importer = RunningProducer(door.address, caller("importer.example"))
        assert importer.answers()
        plays, _ = Plays.from_rows(iter([]))
        assert importer.write(Batch("live", plays, "", None, 0)).taken == 0
        importer.connect("somebody", b"tokens")
        importer.close()
        stranger = RunningProducer(door.address, caller("dashboard.example"))
        with pytest.raises(ProducerError, match=r"does not let this caller in.*role writer"):
            stranger.answers()
        stranger.close()
        plain = RunningProducer(door.address, CallerSettings())
        with pytest.raises(ProducerError, match="speaks TLS"):
            plain.answers()
        plain.close()
        door.close()
        assert sink.connected == ["somebody"]


def test_the_clients_show_a_token_that_may_change(desk, serving, tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{desk.tokens[Role.ANALYST]}\n")

    async def ask(token):
        async with AsyncClient(serving.address, token=token) as client:
            await anext(client.trends("history"))
            return await client.status()

    for token in (file, desk.tokens[Role.ANALYST]):
        assert asyncio.run(ask(token)).data_sets
        with Client(serving.address, token=token) as client:
            next(client.trends("history"))
            assert client.status().data_sets
    with Client(serving.address, token=file) as client:
        file.write_text(desk.tokens[Role.WRITER])
        with pytest.raises(NotAllowed):
            client.status()
        file.write_text("")
        with pytest.raises(CredentialsUnusable, match="holds no token"):
            client.status()
        file.unlink()
        with pytest.raises(CredentialsUnusable, match="can't be read"):
            client.status()


def test_a_client_sends_no_token_in_the_clear_to_another_machine():
    with pytest.raises(CredentialsUnusable, match="unencrypted"):
        Client("query.example:50051", token="sv_x")
    Client("query.example:50051", token="sv_x", tls=Tls()).close()
    Client("query.example:50051", token="sv_x", tls_terminated_elsewhere=True).close()
    with pytest.raises(CredentialsUnusable, match="unencrypted"):
        CallerSettings(token="sv_x").channel("query.example:50051")


class TestProcess:
    """`sottovoce-query` itself, with no Kafka to read."""

    @staticmethod
    def start(*flags):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SOTTOVOCE_")}
        return subprocess.Popen(
            [sys.executable, "-m", "sottovoce_query.main", "--kafka-bootstrap=127.0.0.1:1", *flags],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("flags", "said"),
        [
            (["--query-host=0.0.0.0"], "query_host 0.0.0.0 can be reached from other machines"),
            (["--access-file=/nowhere"], "access_file /nowhere can't be read"),
        ],
    )
    def test_it_does_not_start_unsafe(self, flags, said):
        process = self.start(*flags)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert errors.splitlines()[-1].startswith(f"error: {said}")

    def test_it_lets_in_whom_its_settings_name(self, tmp_path):
        authority = Authority(tmp_path)
        cert, key = authority.server()
        desk = Desk(tmp_path)
        port = ports.free_port()
        process = self.start(
            f"--query-port={port}",
            f"--access-file={desk.path}",
            f"--tls-cert-file={cert}",
            f"--tls-key-file={key}",
        )
        try:
            for line in process.stderr:
                if "listening" in line:
                    break
            address, tls = f"127.0.0.1:{port}", Tls(authority.file)
            with Client(address, tls=tls) as client, pytest.raises(NotAllowed):
                client.status()
            token = desk.tokens[Role.ANALYST]
            with (
                Client(address, tls=tls, token=token) as client,
                pytest.raises(Unavailable, match="still reading the log"),
            ):
                client.status()
        finally:
            process.kill()
            process.communicate()
