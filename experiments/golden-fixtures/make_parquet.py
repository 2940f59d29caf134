"""Parquet files compressed with Zstandard, as pyarrow writes them, for the tests of src/dataset/parquet.rs.

Needs pyarrow. Writes tests/fixtures/parquet/zstd-v1.parquet and zstd-v2.parquet.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 40
OUT = Path(__file__).resolve().parents[2] / "tests/fixtures/parquet"

names = ["crane", "tree frog"]
features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
pictures = [{"bytes": (f"picture {row} " * (20 + row)).encode(), "path": f"{row}.png"} for row in range(ROWS)]
pictures[2] = {"bytes": None, "path": "2.png"}
schema = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("label", pa.int64()),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": features}})},
)
table = pa.table({"image": pictures, "label": [row % 2 for row in range(ROWS)]}, schema=schema)
OUT.mkdir(parents=True, exist_ok=True)
for version, name in [("1.0", "v1"), ("2.0", "v2")]:
    pq.write_table(
        table,
        OUT / f"zstd-{name}.parquet",
        compression="zstd",
        data_page_version=version,
        row_group_size=25,
        data_page_size=1500,
        write_batch_size=4,
        use_dictionary=["label"],
    )
