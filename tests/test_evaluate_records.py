"""Record files survive crashes, resumption and foreign hands."""

import json
import math

import pytest

from encodepth.errors import EncodepthError
from encodepth.evaluate.records import RecordFile, key, machine_header, only, read_records, tidy

ROW = {
    "set": "s", "sequence": "q", "frame": "1", "modality": "color", "codec": "c", "setting": 5,
    "width": 4, "height": 2, "bytes": 3, "bpp": 3.0, "psnr": 30.123456789,
}  # fmt: skip


def test_a_record_comes_back_rounded_and_its_header_apart(tmp_path):
    path = tmp_path / "new" / "r.jsonl"
    with RecordFile(path) as file:
        file.add(machine_header(jobs=2))
        file.add(ROW)
    found = read_records(path)
    assert found.records == [{**ROW, "psnr": 30.1235}]
    assert found.headers[0]["jobs"] == 2
    assert found.headers[0]["versions"]["numpy"]


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_torn_last_line_is_ignored_then_repaired(tmp_path, cut):
    path = tmp_path / "r.jsonl"
    with RecordFile(path) as file:
        file.add(ROW)
        file.add({**ROW, "setting": 6})
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    expected = 2 if cut == 1 else 1  # without its newline a line is still whole
    assert len(read_records(path).records) == expected
    with RecordFile(path) as file:
        assert len(file.done) == expected
        file.add({**ROW, "setting": 7})
    settings = [r["setting"] for r in read_records(path).records]
    assert settings == ([5, 6, 7] if expected == 2 else [5, 7])


def test_a_broken_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(f"{json.dumps(ROW)}\n{{oops\n{json.dumps(ROW)}\n")
    with pytest.raises(EncodepthError, match=r"r\.jsonl, line 2 is no JSON object"):
        read_records(path)


def test_a_record_without_a_needed_field_is_named(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps({k: v for k, v in ROW.items() if k != "bytes"}) + "\n")
    with pytest.raises(EncodepthError, match='line 1 has no field "bytes"'):
        read_records(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EncodepthError, match=r"none\.jsonl does not exist"):
        read_records(tmp_path / "none.jsonl")


def test_keys_do_not_tell_5_from_5_point_0():
    assert key(ROW) == key({**ROW, "setting": 5.0, "bytes": 9})
    assert key(ROW) != key({**ROW, "setting": 6})


def test_an_infinite_value_becomes_null():
    assert tidy({"psnr": math.inf, "encode_ms": 1.23456}) == {"psnr": None, "encode_ms": 1.235}


def test_only_picks_by_fields():
    rows = [ROW, {**ROW, "codec": "d"}]
    assert only(rows, codec="d", setting=5) == [rows[1]]


@pytest.mark.parametrize("text", ["my notes", "one\ntwo\n", '{"a": 1}\n'])
def test_a_file_of_something_else_is_left_alone(tmp_path, text):
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(EncodepthError, match=r"notes\.txt"):
        RecordFile(path)
    assert path.read_text() == text
