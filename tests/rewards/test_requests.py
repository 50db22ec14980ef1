"""Batches, sizes and signatures."""

from __future__ import annotations

import asyncio
import gzip
import hmac
import json
from pathlib import Path

import pytest

from modelrollout.rewards.gateway import LARGEST, MOST
from modelrollout.rewards.keys import BadKeys, Keys
from tests.rewards.stage import SEGMENT, Stage, play, reward

KEY = "0123456789abcdef0123456789abcdef"


def test_a_batch_is_counted_one_by_one() -> None:
    async def story(stage: Stage) -> None:
        batch = [reward(1, request="a"), reward(0, request="b"), reward(1, request="a"), reward("x", request="c")]
        status, body = await stage.post(batch)
        assert (status, body["accepted"]) == (200, 2)
        assert [(item["index"], item["reason"]) for item in body["refused"]] == [(2, "Duplicate"), (3, "NotANumber")]
        assert all(item["message"] for item in body["refused"])
        metrics = await stage.metrics()
        assert metrics[f"modelrollout_reward_count_total{{{SEGMENT}}}"] == 2
        assert metrics[f"modelrollout_reward_sum_total{{{SEGMENT}}}"] == 1
        assert metrics['modelrollout_rewards_refused_total{reason="Duplicate"}'] == 1

    play(story)


def test_a_batch_that_is_sent_again_counts_once() -> None:
    async def story(stage: Stage) -> None:
        batch = [reward(1, request=f"r{index}") for index in range(MOST)]
        assert await stage.post(batch) == (200, {"accepted": MOST, "refused": []})
        status, body = await stage.post(batch)
        assert (status, body["accepted"], len(body["refused"])) == (200, 0, MOST)
        assert (await stage.metrics())[f"modelrollout_reward_count_total{{{SEGMENT}}}"] == MOST

    play(story)


def test_an_empty_batch_is_none() -> None:
    async def story(stage: Stage) -> None:
        assert await stage.post([]) == (200, {"accepted": 0, "refused": []})

    play(story)


PADDED = json.dumps(reward()).encode()
SIZES: dict[str, tuple[bytes, int, str]] = {
    "as many as may be": (json.dumps([reward(request=str(index)) for index in range(MOST)]).encode(), 200, ""),
    "one more": (json.dumps([reward()] * (MOST + 1)).encode(), 413, "the batch has 1001 rewards; send at most 1000"),
    "as large as may be": (PADDED + b" " * (LARGEST - len(PADDED)), 200, ""),
    "a byte more": (PADDED + b" " * (LARGEST - len(PADDED) + 1), 413, "larger than 1048576 bytes"),
    "much more": (b" " * (8 * LARGEST), 413, "larger than 1048576 bytes"),
}


@pytest.mark.parametrize(("body", "status", "words"), SIZES.values(), ids=SIZES.keys())
def test_sizes(body: bytes, status: int, words: str) -> None:
    async def story(stage: Stage) -> None:
        found, answer = await stage.post(body)
        assert found == status
        assert words in answer.get("message", "")
        assert (answer.get("reason") == "TooLarge") is (status == 413)

    play(story)


def test_a_body_without_a_length_is_read_to_the_limit() -> None:
    async def story(stage: Stage) -> None:
        async def endless() -> object:
            for _ in range(64):
                yield b" " * 65536

        async with stage.client.post("/v1/rewards", data=endless()) as answer:
            assert (answer.status, (await answer.json())["reason"]) == (413, "TooLarge")

    play(story)


def test_a_compressed_body_is_refused() -> None:
    async def story(stage: Stage) -> None:
        status, body = await stage.post(gzip.compress(PADDED), **{"Content-Encoding": "gzip"})
        assert (status, body["reason"]) == (400, "Malformed")
        assert "send the JSON as it is" in body["message"]

    play(story)


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /v1/rewards HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/rewards HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n{}",
        b"POST /v1/rewards\r\n\r\n",
    ],
    ids=["a chunk without a length", "a length that is none", "no HTTP"],
)
def test_what_is_no_http_is_no_error_of_ours(sent: bytes) -> None:
    async def story(stage: Stage) -> None:
        reader, writer = await asyncio.open_connection(stage.client.host, stage.client.port)
        writer.write(sent)
        async with asyncio.timeout(15):
            assert b" 400 " in await reader.readline()
        writer.close()
        assert (await stage.post(reward()))[0] == 200

    play(story)


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelrollout.rewards.gateway._PATIENCE", 0.2)

    async def story(stage: Stage) -> None:
        reader, writer = await asyncio.open_connection(stage.client.host, stage.client.port)
        writer.write(b"POST /v1/rewards HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        async with asyncio.timeout(15):
            answer = await reader.readuntil(b"}")
        assert b" 400 " in answer
        assert b"the body did not come whole: it took longer than 0.2 s" in answer
        writer.close()

    play(story)


def signature(key: str, body: bytes) -> str:
    return "sha256=" + hmac.digest(key.encode(), body, "sha256").hex()


OTHER = "another-key-of-the-same-owner"
SIGNED: dict[str, tuple[str, int]] = {
    "signed": (signature(KEY, PADDED), 200),
    "in capitals": (signature(KEY, PADDED).upper(), 200),
    "by the second key": (signature(OTHER, PADDED), 200),
    "not signed": ("", 401),
    "by another key": (signature("f" * 32, PADDED), 401),
    "another body's": (signature(KEY, PADDED + b" "), 401),
    "half of it": (signature(KEY, PADDED)[:40], 401),
    "without its name": (signature(KEY, PADDED).removeprefix("sha256="), 401),
    "no hexadecimal": ("sha256=é", 401),
}


@pytest.mark.parametrize(("signature", "status"), SIGNED.values(), ids=SIGNED.keys())
def test_signatures(tmp_path: Path, signature: str, status: int) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{KEY}\n\n{OTHER}\n")

    async def story(stage: Stage) -> None:
        found, body = await stage.post(PADDED, **({"X-Signature": signature} if signature else {}))
        assert found == status
        if status == 401:
            assert body["reason"] == "Unsigned"
            assert "X-Signature must be sha256=" in body["message"]
            assert (await stage.metrics())['modelrollout_rewards_refused_total{reason="Unsigned"}'] == 1

    play(story, keys=path)


def test_what_is_not_signed_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(KEY)

    async def story(stage: Stage) -> None:
        assert (await stage.post(b"no JSON"))[1]["reason"] == "Unsigned"

    play(story, keys=path)


@pytest.mark.parametrize("text", ["", "\n\n", "short", f"{KEY}\nshort\n"])
def test_a_file_of_keys_that_protects_nothing_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(BadKeys, match=r"--hmac-key-file: .* must hold one key a line, each of at least 16 characters"):
        Keys(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadKeys, match=r"--hmac-key-file: .* cannot be read: No such file"):
        Keys(tmp_path / "keys")


def test_a_new_key_is_taken_and_a_broken_file_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelrollout.rewards.keys._AGAIN", 0.01)
    path = tmp_path / "keys"
    path.write_text(KEY)

    async def story() -> None:
        keys = Keys(path)
        reading = asyncio.create_task(keys.run())
        path.write_text(OTHER)
        for _ in range(500):
            if keys.signed(b"x", signature(OTHER, b"x")):
                break
            await asyncio.sleep(0.02)
        path.write_text("")
        await asyncio.sleep(0.05)
        assert keys.signed(b"x", signature(OTHER, b"x"))
        assert not keys.signed(b"x", signature(KEY, b"x"))
        assert keys.sign(b"x") == signature(OTHER, b"x")
        reading.cancel()

    asyncio.run(story())
