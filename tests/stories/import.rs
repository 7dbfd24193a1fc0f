//! Vectors from elsewhere: joined by id, hashed like a source, and every wrong file told what is wrong with it.

use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use taqsim::release::read_table;
use taqsim::stages::{Frame, Values};

use crate::space::{MANIFEST, N_TASKS, Space};

/// Vectors for whole clips, of which the second has two ranges and so two segments; clustered.
const STEPS: &str = r#"[segment.whole.whole]

[embed.clap.import]
of   = "whole"
file = "vectors/clap.csv"

[reduce.groups.kmeans]
of = "clap"
k  = 2

[[clip]]
id      = "one""#;

const CSV: &str = "clip_id,v0,v1\none,1,0.5\ntwo,2,-1\nthree,10,20\n";
/// Of each clip its whole and its vectors; and the clusters.
const N_MORE: usize = 3 * 2 + 1;

fn space(csv: &str) -> Space {
    let space = Space::new();
    space.write("taqsim.toml", MANIFEST.replacen("[[clip]]\nid      = \"one\"", STEPS, 1));
    space.write("vectors/clap.csv", csv);
    space
}

fn built() -> Space {
    let space = space(CSV);
    space.build().succeeds().ran(N_TASKS + N_MORE);
    space
}

fn frame(space: &Space, table: &str) -> Frame {
    read_table(&space.path(&format!("outputs/0.1.0/{table}.parquet")), table).unwrap().frame
}

fn texts(frame: &Frame, column: &str) -> Vec<String> {
    let Some(Values::Texts(texts)) = frame.column(column) else { panic!("no {column}") };
    texts.iter().flatten().cloned().collect()
}

fn vectors(space: &Space) -> Vec<f32> {
    match frame(space, "embed/clap").column("vector") {
        Some(Values::Lists { dim: 2, data }) => data.clone(),
        other => panic!("{other:?}"),
    }
}

fn parquet(ids: &[&str], numbers: &[f32]) -> Vec<u8> {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let lists = FixedSizeListArray::new(item, 2, Arc::new(Float32Array::from(numbers.to_vec())), None);
    let columns: [(&str, ArrayRef); 2] =
        [("id", Arc::new(StringArray::from(ids.to_vec()))), ("embedding", Arc::new(lists))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn npy(kind: &str, order: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(body);
    bytes
}

fn bytes_of(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn the_same_vectors_are_the_same_dataset_in_any_form_and_order() {
    let space = built();
    assert_eq!(vectors(&space), [1.0, 0.5, 10.0, 20.0, 2.0, -1.0, 2.0, -1.0]);
    assert_eq!(texts(&frame(&space, "reduce/groups"), "clip_id"), ["one", "three", "two", "two"]);
    space.build().succeeds().says("is up to date");
    let tables = space.files("outputs");
    let numbers = [10.0, 20.0, 1.0, 0.5, 2.0, -1.0];
    space.write("v.parquet", parquet(&["three", "one", "two"], &numbers));
    space.write("v.npy", npy("<f4", "False", "(3, 2)", &bytes_of(&numbers)));
    space.write("v.txt", "three\none\ntwo\n");
    space.write("v.tsv", "two\tv1\tv0\tname\n\t20\t10\tthree\n\t0.5\t1\tone\nx\t-1\t2\ttwo\n");
    let mut before = "file = \"vectors/clap.csv\"".to_owned();
    for now in [
        "file = \"v.parquet\"",
        "file = \"v.npy\"\nids = \"v.txt\"",
        "file = \"v.tsv\"\nid = \"name\"\nvector = \"v\"",
    ] {
        space.edit(&before, now);
        space.run(&["check"]).succeeds();
        space.build().succeeds().ran(0);
        assert!(space.files("outputs") == tables, "{now}");
        space.run(&["verify", "--require", "sources,tables"]).succeeds();
        before = now.to_owned();
    }
}

#[test]
fn a_changed_row_runs_what_depends_on_it_and_a_renamed_clip_nothing() {
    let space = built();
    space.write("vectors/clap.csv", CSV.replace("two,2,-1", "two,2,-2"));
    space.run(&["verify"]).exits(3).prints("source `vectors/clap.csv`: content differs");
    space.run(&["plan"]).succeeds().prints("embed.clap");
    space.build().succeeds().ran(2);
    assert_eq!(vectors(&space), [1.0, 0.5, 10.0, 20.0, 2.0, -2.0, 2.0, -2.0]);
    space.write("vectors/clap.csv", CSV.replace("two,2,-1", "zwei,2,-2"));
    space.edit("\"two\"", "\"zwei\"");
    space.build().succeeds().ran(0);
    assert_eq!(texts(&frame(&space, "embed/clap"), "clip_id"), ["one", "three", "zwei", "zwei"]);
    space.build().succeeds().says("is up to date");
}

#[test]
fn segments_without_a_vector_and_rows_of_nobody_are_said_and_the_rest_is_joined() {
    let space = space("");
    space.edit("of   = \"whole\"", "of   = \"windows\"");
    let csv = "segment_id,0,1\none/windows/0-1000,1,2\none/windows/500-1500,3,4\none/windows/7-8,0,0\n\
               three,5,6\none/whole/0-3000,0,0\nfour,0,0\n";
    space.write("vectors/clap.csv", csv);
    let answer = space.build().succeeds();
    let answer =
        answer.says("`embed.clap`: 7 segments have no vector in `vectors/clap.csv`: `one/windows/1000-2000`");
    answer.says("3 rows in `vectors/clap.csv` of no segment of `windows`: `four`, `one/whole/0-3000`");
    let table = frame(&space, "embed/clap");
    let ids =
        ["one/windows/0-1000", "one/windows/500-1500", "three/windows/0-1000", "three/windows/500-1500"];
    assert_eq!(texts(&table, "segment_id")[..4], ids);
    assert_eq!(texts(&frame(&space, "reduce/groups"), "segment_id"), texts(&table, "segment_id"));
    assert_eq!(texts(&frame(&space, "embed/timbre"), "segment_id").len(), 5 + 4 + 4);
    space.build().succeeds().says("is up to date");
    space.edit("artist = \"B\"", "artist = \"C\"");
    let answer = space.build().succeeds().ran(0);
    assert!(!answer.stderr.contains("no vector"), "{}", answer.stderr);
}

#[test]
fn check_looks_into_the_file_before_anything_is_built() {
    let space = space("id,0,1\none,1,2\nfour,3,4\nfive,5,6\n");
    let answer =
        space.run(&["check"]).succeeds().says("warning[T0703]: it has no row of 2 clips: `three`, `two`");
    answer.says("2 rows in it are of no clip: `five`, `four`").says("file = \"vectors/clap.csv\"");
    for (csv, words) in [
        ("id,0,1\nfour,3,4\n", "none of its ids is of this dataset; the first is `four`"),
        ("id,a,b\none,3,4\n", "cannot import vectors from `vectors/clap.csv`"),
        ("track,0,1\none,3,4\n", "it has no column `segment_id`, `clip_id` or `id`"),
    ] {
        space.write("vectors/clap.csv", csv);
        space.run(&["check"]).exits(1).says("error[T0703]").says(words);
        space.run(&["check", "--no-sources"]).succeeds();
    }
    std::fs::remove_file(space.path("vectors/clap.csv")).unwrap();
    space.run(&["check"]).exits(1).says("error[T0703]: cannot read `vectors/clap.csv`: no such file");
    space.write("vectors/clap.csv", CSV);
    space.run(&["check"]).succeeds().says("nothing wrong");
}

#[test]
fn vectors_from_elsewhere_are_evaluated_for_the_segments_that_have_one() {
    let space = space("segment_id,0,1\none/windows/0-1000,1,2\none/windows/500-1500,3,4\nthree,5,6\n");
    space.edit("of   = \"whole\"", "of   = \"windows\"");
    space.edit("[embed.clap.import]", "[evaluate]\nof = [\"clap\"]\n\n[embed.clap.import]");
    space.build().succeeds();
    space.run(&["evaluate"]).succeeds().prints("artist: 2 values, up to 6 segments of 2 recordings");
}

#[test]
fn vectors_that_are_not_at_hand_count_as_those_in_the_lock() {
    let space = built();
    let tables = space.files("outputs");
    std::fs::remove_file(space.path("vectors/clap.csv")).unwrap();
    space.build().succeeds().ran(0);
    space.run(&["verify"]).succeeds();
    space.run(&["verify", "--require", "sources"]).exits(1).prints("source `vectors/clap.csv`: absent");
    std::fs::remove_dir_all(space.path("cache")).unwrap();
    space.build().exits(1).says("cannot read `vectors/clap.csv`: no such file").says("bring it back");
    space.write("vectors/clap.csv", CSV);
    space.build().succeeds().ran(N_TASKS + N_MORE);
    assert!(space.files("outputs") == tables);
    space.run(&["gc", "--yes"]).succeeds();
    space.lose_values();
    space.write("vectors/clap.csv", CSV.replace("10", "11"));
    space.build().succeeds();
    space.run(&["verify", "--rebuild"]).succeeds();
}

#[test]
fn a_wrong_file_is_told_what_is_wrong_and_what_to_do() {
    let space = space("");
    let cases: Vec<(&str, Vec<u8>, [&str; 2])> = vec![
        (
            "a.csv",
            b"id,v0\none,nan\n".to_vec(),
            ["number 0 of row 0, `one`, is not finite", "leave the row out"],
        ),
        ("a.csv", b"id,v0\none,1\none,2\n".to_vec(), ["rows 0 and 1 have the same id, `one`", "one vector"]),
        (
            "a.csv",
            b"id,v0,v1\none,1\n".to_vec(),
            ["row 0 has 2 cells, the first line has 3", "a cell for every column"],
        ),
        (
            "a.csv",
            b"id,v0\nother,1\n".to_vec(),
            ["none of its ids is of this dataset; the first is `other`", "an id is a clip's, as `one`"],
        ),
        (
            "a.csv",
            b"track,v0\none,1\n".to_vec(),
            ["no column `segment_id`, `clip_id` or `id`", "it has `track`, `v0`"],
        ),
        ("a.parquet", b"PAR1".to_vec(), ["cannot import vectors from `a.parquet`", "no Parquet file"]),
        ("a.parquet", parquet(&["one"], &[1.0, 2.0])[..200].to_vec(), ["cannot import vectors", "cut off"]),
        (
            "a.npy",
            npy("<f2", "False", "(3, 2)", &[0; 12]),
            ["of the type `<f2`, not `<f4` or `<f8`", "astype"],
        ),
        ("a.npy", npy("<i8", "False", "(3, 1)", &[0; 24]), ["of the type `<i8`", "astype"]),
        ("a.npy", npy("<f4", "True", "(3, 2)", &[0; 24]), ["Fortran order", "ascontiguousarray"]),
        ("a.npy", npy("<f4", "False", "(3, 2)", &[0; 23]), ["it ends 24 bytes too early", "cut off"]),
        (
            "a.npy",
            npy("<f4", "False", "(2, 2)", &[0; 16]),
            ["it has 2 rows, but there are 3 ids", "an id for each row"],
        ),
    ];
    space.write("ids.txt", "one\ntwo\nthree\n");
    let mut before = "file = \"vectors/clap.csv\"".to_owned();
    for (name, bytes, words) in cases {
        space.write(name, bytes);
        let ids = if name.ends_with("npy") { "\nids = \"ids.txt\"" } else { "" };
        let now = format!("file = \"{name}\"{ids}");
        space.edit(&before, &now);
        for verb in ["plan", "build"] {
            let answer = space.run(&[verb]).exits(1);
            words.into_iter().fold(answer, |answer, words| answer.says(words));
        }
        before = now;
    }
    assert!(!space.path("taqsim.lock").exists());
}

#[cfg(unix)]
#[test]
fn no_vectors_are_read_from_outside() {
    let (space, outside) = (space(CSV), Space::empty());
    outside.write("clap.csv", CSV);
    std::fs::remove_file(space.path("vectors/clap.csv")).unwrap();
    std::os::unix::fs::symlink(outside.path("clap.csv"), space.path("vectors/clap.csv")).unwrap();
    space.build().exits(1).says("cannot read `vectors/clap.csv`: it leads out of the project's folder");
    let root = outside.path("").to_string_lossy().into_owned();
    space.run(&["--root", &root, "build"]).succeeds();
    space.edit("vectors/clap.csv", "../clap.csv");
    space.build().exits(2).says("T0407").says("it leads out of the manifest's folder");
}
