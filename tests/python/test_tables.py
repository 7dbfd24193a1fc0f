"""Every table of a release is read by pyarrow, polars, pandas, DuckDB and Hugging Face datasets as promised.

Usage: python tests/python/test_tables.py OUTPUT_FOLDER LOCK

OUTPUT_FOLDER is the folder of one version, such as outputs/0.1.0, and LOCK the taqsim.lock that goes with it.
"""

import csv
import json
import pathlib
import sys
import tempfile
import tomllib

import blake3
import datasets
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import table_digest


def main(folder, lock):
    lock = read_lock(lock)
    files = sorted({table_of(path.relative_to(folder)) for path in folder.rglob("*.parquet")})
    assert files == sorted(lock["tables"]), f"{files} are not the tables of the lock"
    for file, line in lock["tables"].items():
        table = pq.read_table(folder / file, partitioning=None)
        assert table.num_rows == line["rows"], file
        assert table_digest.digest(folder / file) == line["digest"], f"{file}: another digest in Python"
        digest_is_of_the_content(folder / file, line["digest"])
        metadata_names_the_table(table, file, lock)
        keys_are_never_null_and_join(table, folder, file)
        every_reader_agrees(table, folder / file)
    clips_are_those_of_the_lock(folder, lock)
    sums_are_right(folder)
    hugging_face_loads_every_table(folder, files)
    if "evaluation.parquet" in files:
        confusions_add_up(folder)
    print(f"{len(files)} tables, {len(lock['clips'])} clips: all as promised")


def read_lock(path):
    """The lock, with the clips that a large one has in a CSV file beside it."""
    lock = tomllib.loads(path.read_text(encoding="utf-8"))
    if "clips_csv" in lock:
        with open(f"{path}.csv", encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        assert len(lines) == lock["clips_csv"]["lines"], "the CSV file has other lines than the lock says"
        lock["clips"] = {line["id"]: {key: line[key] for key in ("entry", "source") if line[key]} for line in lines}
    return lock


def table_of(path):
    """The table that a Parquet file is, or is a part of: a large table is a folder."""
    is_part = path.parent.suffix == ".parquet"
    return (path.parent if is_part else path).as_posix()


def digest_is_of_the_content(path, digest):
    """Written by pyarrow, without compression and backwards, a table keeps its digest."""
    table = pq.read_table(path, partitioning=None)
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "copy.parquet"
        pq.write_table(table.take(list(range(table.num_rows))[::-1]), copy, compression="none")
        assert table_digest.digest(copy) == digest, f"{path}: its digest depends on its writer"


def metadata_names_the_table(table, file, lock):
    about = json.loads(table.schema.metadata[b"taqsim"])
    expected = {"dataset": lock["dataset"]["name"], "version": lock["dataset"]["version"]}
    assert about == expected | {"table": file.removesuffix(".parquet")}, about


def keys_are_never_null_and_join(table, folder, file):
    key = table.column_names[0]
    keys = {"clips.parquet": "clip_id", "evaluation.parquet": "evaluation_id", "confusion.parquet": "confusion_id"}
    if file.startswith("clusters/"):
        keys[file] = "composition_id"
    assert key == keys.get(file, "segment_id"), file
    assert not table.schema.field(key).nullable and table[key].null_count == 0, file
    assert len(set(table[key].to_pylist())) == table.num_rows, f"{file}: a key is there twice"
    parents = dict.fromkeys(keys) | {"segments.parquet": "clips.parquet"}
    parent = parents.get(file, "segments.parquet")
    if parent:
        column = "clip_id" if parent == "clips.parquet" else "segment_id"
        parents = set(pq.read_table(folder / parent, partitioning=None)[column].to_pylist())
        assert set(table[column].to_pylist()) <= parents, f"{file}: a row of no {column}"


def confusions_add_up(folder):
    """What pandas makes of the confusions is the balanced accuracy of the evaluation, and counts every segment."""
    scores = pd.read_parquet(folder / "evaluation.parquet", partitioning=None)
    cells = pd.read_parquet(folder / "confusion.parquet", partitioning=None)
    by = ["label", "embed", "protocol", "measure"]
    accuracies = scores[scores["measure"].str.endswith("balanced_accuracy") & scores["value"].notna()].set_index(by)
    assert set(cells.groupby(by).groups) == set(accuracies.index), "a confusion without an accuracy"
    for key, group in cells.groupby(by):
        recalls = group.groupby("truth")[["truth", "predicted", "n"]].apply(
            lambda rows: rows.loc[rows["predicted"] == rows["truth"], "n"].sum() / rows["n"].sum()
        )
        assert abs(recalls.mean() - accuracies.loc[key, "value"]) < 1e-9, key
        assert group["n"].sum() == accuracies.loc[key, "n"], key


def every_reader_agrees(table, path):
    frame = pl.read_parquet(path, hive_partitioning=False)
    pandas = pd.read_parquet(path, partitioning=None)
    duck = duckdb.connect()
    files = path / "*.parquet" if path.is_dir() else path
    rows = duck.sql(f"select * from read_parquet('{str(files).replace(chr(39), chr(39) * 2)}')")
    types = dict(zip(rows.columns, map(str, rows.types)))
    duck_rows = rows.fetchall()
    for index, field in enumerate(table.schema):
        name, column = field.name, table[field.name]
        if pa.types.is_list(field.type) or pa.types.is_large_list(field.type):
            raise AssertionError(f"{path}: `{name}` is a list without a size: ARROW:schema is missing")
        if pa.types.is_fixed_size_list(field.type):
            vectors_agree(column, frame[name], pandas[name], types[name], [row[index] for row in duck_rows])
            continue
        assert not pa.types.is_dictionary(field.type), f"{path}: `{name}` is a dictionary"
        expected = column.to_pylist()
        same(frame[name].to_list(), expected, path, name)
        same([row[index] for row in duck_rows], expected, path, name)
        same([None if pd.isna(v) else v for v in pandas[name]], [None if v != v else v for v in expected], path, name)


def vectors_agree(column, series, in_pandas, duck_type, in_duck):
    size = column.type.list_size
    assert isinstance(column.type, pa.FixedSizeListType) and column.type.value_type == pa.float32()
    assert series.dtype == pl.Array(pl.Float32, size), series.dtype
    assert duck_type == "FLOAT[]", duck_type
    numbers = column.combine_chunks().flatten().to_numpy(zero_copy_only=True).reshape(-1, size)
    assert numbers.dtype == np.float32
    np.testing.assert_array_equal(series.to_numpy(), numbers)
    if len(numbers):
        np.testing.assert_array_equal(np.stack(in_pandas), numbers)
        np.testing.assert_array_equal(np.array(in_duck, dtype=np.float32), numbers)


def same(found, expected, path, name):
    assert len(found) == len(expected), f"{path}: `{name}`"
    for left, right in zip(found, expected):
        both_nan = left != left and right != right
        assert both_nan or (left is None) == (right is None) and left == right, f"{path}: `{name}`: {left} {right}"


def clips_are_those_of_the_lock(folder, lock):
    clips = pq.read_table(folder / "clips.parquet", partitioning=None).to_pylist()
    ids = [clip["clip_id"] for clip in clips]
    if (folder / "clips.parquet").is_dir():
        ids.sort(key=str.encode)
    assert ids == sorted(lock["clips"], key=str.encode)
    for clip in clips:
        line, reason = lock["clips"][clip["clip_id"]], lock.get("failed", {}).get(clip["clip_id"])
        assert clip["source_blake3"] == line.get("source"), clip
        assert (clip["status"], clip["reason"]) == (("failed", reason) if reason else ("ok", None)), clip
        assert "\\" not in clip["source"], clip


def sums_are_right(folder):
    sums = {}
    for line in (folder / "BLAKE3SUMS").read_text(encoding="utf-8").splitlines():
        digest, file = line.split("  ", 1)
        assert digest == blake3.blake3((folder / file).read_bytes()).hexdigest(), file
        sums[file] = digest
    assert list(sums) == sorted(sums, key=str.encode), "the sums are not sorted"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files - {"BLAKE3SUMS"} == set(sums), files ^ set(sums)


def hugging_face_loads_every_table(folder, files):
    names = [file.removesuffix(".parquet").replace("/", ".") for file in files]
    assert sorted(datasets.get_dataset_config_names(str(folder))) == sorted(names)
    with tempfile.TemporaryDirectory() as cache:
        for name, file in zip(names, files):
            rows = datasets.load_dataset(str(folder), name, split="train", cache_dir=cache)
            table = pq.read_table(folder / file, partitioning=None)
            assert rows.column_names == table.column_names and rows.num_rows == table.num_rows, name
            assert list(rows[rows.column_names[0]]) == table[0].to_pylist(), name
            for field in table.schema:
                if pa.types.is_fixed_size_list(field.type):
                    expected = datasets.List(datasets.Value("float32"), length=field.type.list_size)
                    assert rows.features[field.name] == expected, rows.features[field.name]
        default = datasets.load_dataset(str(folder), split="train", cache_dir=cache)
        assert default.column_names[0] == "clip_id", "clips is not the default"


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
