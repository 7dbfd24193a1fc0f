"""The digest of a table, computed as docs/DIGESTS.md says, from its Parquet file or files."""

import struct
import sys
import unicodedata

import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3


def digest(path):
    """The digest of the table in the Parquet file or folder `path`, as 64 hexadecimal digits."""
    table = pq.read_table(path, partitioning=None)
    columns = [(name, *encoder(table.schema.field(name).type)) for name in table.column_names]
    hashed = b"taqsim table v1\n" + count(len(columns))
    hashed += b"".join(text(name) + text(type_name) for name, type_name, _ in columns)
    values = {name: table[name].to_pylist() for name, _, _ in columns}
    chunks = rows_by_chunk(table, values)
    hashed += count(len(chunks))
    for rows in chunks:
        chunk = b"taqsim chunk v1\n" + count(len(rows))
        for name, _, encode in columns:
            column = values[name]
            chunk += b"".join(b"\0" if column[row] is None else b"\1" + encode(column[row]) for row in rows)
        hashed += blake3(chunk).digest()
    return blake3(hashed).hexdigest()


def rows_by_chunk(table, values):
    def keys(name):
        is_text = name in values and pa.types.is_string(table.schema.field(name).type)
        texts = values[name] if is_text else [None] * table.num_rows
        return [(t is not None, nfc(t or "")) for t in texts]

    clips, firsts = keys("clip_id"), keys(table.column_names[0])
    chunks = {}
    for row in sorted(range(table.num_rows), key=lambda row: (clips[row], firsts[row])):
        chunks.setdefault(clips[row], []).append(row)
    return list(chunks.values())


def encoder(type):
    """The type's name and the function that writes a value of it."""
    if pa.types.is_fixed_size_list(type) and type.value_type == pa.float32():
        return f"float32[{type.list_size}]", lambda numbers: b"".join(map(single, numbers))
    if pa.types.is_struct(type):
        return "neighbors", neighbors
    return {
        pa.string(): ("text", text),
        pa.float64(): ("float64", double),
        pa.float32(): ("float32", single),
        pa.int64(): ("int64", lambda number: struct.pack("<q", number)),
        pa.bool_(): ("bool", lambda truth: struct.pack("<?", truth)),
    }[type]


def neighbors(row):
    pairs = zip(row["ids"], row["distances"])
    return count(len(row["ids"])) + b"".join(struct.pack("<q", id) + single(far) for id, far in pairs)


def single(number):
    return bytes.fromhex("0000c07f") if number != number else struct.pack("<f", number + 0.0)


def double(number):
    return bytes.fromhex("000000000000f87f") if number != number else struct.pack("<d", number + 0.0)


def nfc(string):
    return unicodedata.normalize("NFC", string).encode()


def text(string):
    return count(len(nfc(string))) + nfc(string)


def count(n):
    return struct.pack("<Q", n)


if __name__ == "__main__":
    print(digest(sys.argv[1]))
