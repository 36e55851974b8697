"""The audit log: who did what, in lines that nobody changes unnoticed."""

import base64
import json
import re
import sqlite3


def entries(client):
    return client.http.get("/admin/v1/audit", params={"limit": 100}).raise_for_status().json()["data"]


def tamper(world, *statements):
    """Changes the file as somebody with access to it could, triggers or not."""
    with sqlite3.connect(world.data / "relay.sqlite") as file:
        file.execute("DROP TRIGGER IF EXISTS audit_stays")
        file.execute("DROP TRIGGER IF EXISTS audit_holds")
        for statement in statements:
            file.execute(statement)
    file.close()


def test_commands_and_calls_leave_lines_that_name_who_made_them(world):
    world.add_key()
    world.cli("tenants", "set", "acme", "--weight", "3")
    relay = world.relay("api")
    client = world.client(relay, scopes="messages,jobs,admin")
    client.http.post("/admin/v1/egress/direct/disable", json={"reason": "a test"}).raise_for_status()
    client.http.post("/admin/v1/egress/direct/enable").raise_for_status()
    endpoint = client.http.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/x"}).raise_for_status().json()
    lines = {(line["action"], line["actor_kind"]): line for line in entries(client)}
    assert lines["key.stored", "command"]["subject"] == "default"
    assert "weight 3" in lines["tenant.share_set", "command"]["detail"]
    assert lines["egress.taken_out", "token"]["subject"] == "direct"
    jti = json.loads(base64.urlsafe_b64decode(client.token.split(".")[1] + "=="))["jti"]
    for action in ("egress.brought_back", "webhook.added"):
        assert (lines[action, "token"]["actor"], lines[action, "token"]["credential"]) == ("acme", f"jti:{jti}")
    assert f"jti {jti}," in lines["token.issued", "command"]["detail"]
    assert lines["token.issued", "command"]["credential"] is None
    assert lines["webhook.added", "token"]["subject"] == endpoint["id"]
    listed = world.cli("audit", "list").stdout
    assert "key.stored" in listed and f"token:acme jti:{jti}" in listed
    assert "the chain holds" in world.cli("audit", "verify").stdout
    made = client.http.post("/admin/v1/tokens", json={"tenant": "acme", "scopes": ["admin"]}).raise_for_status().json()
    client.http.delete(f"/v1/webhooks/{endpoint['id']}", headers={"x-api-key": made["key"]}).raise_for_status()
    newest = entries(client)[0]
    assert (newest["action"], newest["actor"], newest["credential"]) == ("webhook.removed", "acme", f"key:{made['id']}")
    listed = world.cli("audit", "list").stdout
    secrets = endpoint["secret"], client.token, made["key"], client.token.split(".")[2]
    assert not any(secret in listed for secret in secrets)


def test_a_changed_line_and_a_missing_one_are_found(world):
    for name in ("one", "two", "three"):
        world.add_key(name=name)
    head = re.search(r"Head: (\S+)", world.cli("audit", "verify").stdout)[1]
    assert world.cli("audit", "verify", "--head", head).returncode == 0
    world.add_key(name="four")
    assert world.cli("audit", "verify", "--head", head).returncode == 0, "later lines leave the head as it was"

    tamper(world, "UPDATE audit SET actor = 'nobody' WHERE sequence = 2")
    changed = world.cli("audit", "verify", check=False)
    assert changed.returncode != 0 and "line 2" in changed.stderr

    tamper(world, "DELETE FROM audit WHERE sequence = 2")
    missing = world.cli("audit", "verify", check=False)
    assert missing.returncode != 0 and "Line 2 is missing" in missing.stderr


def test_a_log_cut_off_at_its_end_is_found_by_the_head_that_was_kept(world):
    for name in ("one", "two", "three"):
        world.add_key(name=name)
    head = re.search(r"Head: (\S+)", world.cli("audit", "verify").stdout)[1]
    tamper(world, "DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit)")
    assert world.cli("audit", "verify").returncode == 0, "the chain itself cannot know"
    cut = world.cli("audit", "verify", "--head", head, check=False)
    assert cut.returncode != 0 and "as the head says" in cut.stderr


def test_names_of_others_move_no_terminal_and_turn_no_line_around(world):
    world.cli("tokens", "create-key", "--tenant", "acme", "--name", "x\u202ey\x1b[1m")
    world.cli("tokens", "revoke", "--jti", "a\u202eb\u2066c\u200fd\x1b[2Je\x9bf")
    for words in (("audit", "list"), ("tokens", "list")):
        shown = world.cli(*words).stdout
        assert not any(mark in shown for mark in "\u202e\u2066\u200f\x1b\x9b")
        assert ("a\ufffdb\ufffdc\ufffdd\ufffd[2Je\ufffdf" in shown) or words[0] == "tokens"
    assert "x\ufffdy\ufffd[1m" in shown
    assert "the chain holds" in world.cli("audit", "verify").stdout
