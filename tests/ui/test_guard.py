"""The guard: which requests pass, and which are refused before anything behind it runs."""

import base64

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from workbench.errors import UserError
from workbench.ui.guard import Guard, check_listen


def client(base_url="http://127.0.0.1:7860", **options):
    def inside(request):
        return PlainTextResponse("inside")

    routes = [Route("/{rest:path}", inside, methods=["GET", "POST"])]
    return TestClient(Guard(Starlette(routes=routes), **options), base_url=base_url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7860", "localhost:7860", "localhost", "[::1]:7860", "LOCALHOST", "localhost."]
)
def test_names_of_this_machine_pass(host):
    assert client().get("/", headers={"host": host}).text == "inside"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.5:7860", "", "[bad", "a b"]
)
def test_any_other_host_is_refused(host):
    answer = client().get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "--allowed-host" in answer.text


def test_listed_hosts_pass_and_a_star_means_subdomains():
    guarded = client(allowed_hosts=["lab.example", "*.tunnel.example"])
    assert guarded.get("/", headers={"host": "lab.example"}).status_code == 200
    assert guarded.get("/", headers={"host": "a.tunnel.example:443"}).status_code == 200
    assert guarded.get("/", headers={"host": "tunnel.example"}).status_code == 403
    assert guarded.get("/", headers={"host": "eviltunnel.example"}).status_code == 403


def test_listening_everywhere_takes_addresses_but_no_unlisted_names():
    guarded = client(host="0.0.0.0", auth="u:p")
    passes = {"authorization": "Basic " + base64.b64encode(b"u:p").decode()}
    assert guarded.get("/", headers=passes | {"host": "192.168.1.7:7860"}).status_code == 200
    assert guarded.get("/", headers=passes | {"host": "rebound.example"}).status_code == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:7860", 200),
        ("http://127.0.0.1:9999", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_only_pages_of_this_server_may_post(origin, status):
    assert client().post("/", headers={"origin": origin}).status_code == status


def test_a_tunnels_origin_passes_when_its_name_is_listed():
    guarded = client(allowed_hosts=["hub.example"])
    assert guarded.post("/", headers={"origin": "https://hub.example"}).status_code == 200


def test_requests_that_other_sites_embed_are_refused_but_their_links_work():
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client().get("/", headers=image).status_code == 403
    assert client().get("/", headers=link).status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Basic " + base64.b64encode(b"anna:gehe:im").decode(), 200),
        ("Basic " + base64.b64encode(b"anna:wrong").decode(), 401),
        ("Basic !!!", 401),
        ("Basic " + base64.b64encode(b"\xff\xfe").decode(), 401),
        ("Bearer gehe:im", 200),
        ("Bearer anna:gehe:im", 401),
        ("Digest x", 401),
    ],
)
def test_the_password_is_asked_for_everything(header, status):
    guarded = client(auth="anna:gehe:im")
    headers = {"authorization": header} if header else {}
    for path in ("/", "/zh/", "/v1/models", "/static/live.js", "/live/run", "/en/gradio_api/info"):
        answer = guarded.get(path, headers=headers)
        assert answer.status_code == status
        assert ("www-authenticate" in answer.headers) == (status == 401)


def test_every_answer_carries_the_content_security_policy():
    for answer in (client().get("/"), client().get("/", headers={"host": "evil.example"})):
        policy = answer.headers["content-security-policy"]
        for part in ("default-src 'self'", "connect-src 'self'", "object-src 'none'", "frame-ancestors 'none'"):
            assert part in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_refusals_speak_the_browsers_language():
    answer = client().get("/", headers={"host": "evil.example", "accept-language": "zh-CN"})
    assert "主机名“evil.example”" in answer.text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])
def test_listening_beyond_localhost_needs_a_password(host):
    with pytest.raises(UserError, match="--auth"):
        check_listen(host, None)
    check_listen(host, "user:password")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.53"])
def test_localhost_needs_none(host):
    check_listen(host, None)


@pytest.mark.parametrize("auth", ["", "user", "user:", ":password"])
def test_half_a_password_is_refused(auth):
    with pytest.raises(UserError, match="user:password"):
        check_listen("127.0.0.1", auth)


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def test_the_key_of_programs_opens_v1_beside_a_password_and_nothing_else():
    guarded = client(auth="me:secret", api_key="sk-1", root_path="/wb/")
    for path in ("/v1/models", "/wb/v1/models"):
        assert guarded.get(path, headers=bearer("sk-1")).status_code == 200
        assert guarded.get(path, headers=bearer("secret")).status_code == 200  # then /v1 itself asks for its key
        assert [guarded.get(path, headers=bearer(wrong)).status_code for wrong in ("sk-2", "", "sk-1x")] == [401] * 3
        assert guarded.get(path).status_code == 401
        basic = "Basic " + base64.b64encode(b"sk-1").decode()
        assert guarded.get(path, headers={"authorization": basic}).status_code == 401
    for path in ("/", "/en/", "/live/arena/columns", "/v1", "/v12/models", "/x/v1/models", "/wb/en/"):
        assert guarded.get(path, headers=bearer("sk-1")).status_code == 401


def test_without_a_key_of_its_own_v1_takes_the_password():
    guarded = client(auth="me:secret")
    assert guarded.get("/v1/models", headers=bearer("secret")).status_code == 200
    assert guarded.get("/v1/models", headers=bearer("None")).status_code == 401
