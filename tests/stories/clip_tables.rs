//! Clips in tables: the same dataset in any form, and every mistake at its cell.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use unicode_normalization::UnicodeNormalization;

use crate::space::{MANIFEST, N_TASKS, Space, music};

const COLUMNS: [&str; 7] = ["id", "source", "license", "ranges", "artist", "maqam", "section"];
const ROWS: [[&str; 7]; 3] = [
    ["one", "sources/one.wav", "CC-BY-4.0", "", "A", "rast", ""],
    ["two", "sources/two.wav", "CC-BY-4.0", "0-1.5;1.5-3", "A", "bayati", "intro"],
    ["three", "sources/three.wav", "CC0-1.0", "", "B", "hijaz", ""],
];

/// The manifest of every story, but for the labels that a range of its own has: tables have none.
fn plain() -> String {
    MANIFEST.replace("{ at = \"1.5-3\", section = \"development\" }", "\"1.5-3\"")
}

/// The same with its clips in tables.
fn with_tables(names: &str) -> String {
    let plain = plain();
    let (settings, _) = plain.split_once("[[clip]]").unwrap();
    format!("clips = {names}\n{settings}")
}

fn table(rows: &[[&str; 7]], separator: &str) -> String {
    let header = COLUMNS.join(separator);
    let rows = rows.iter().map(|row| row.join(separator));
    std::iter::once(header).chain(rows).map(|line| line + "\n").collect()
}

/// A Parquet file of texts, and one of a number, as pyarrow writes them.
fn parquet(columns: &[&str], rows: &[&[&str]], tonic: Option<&[f64]>) -> Vec<u8> {
    let column = |nth: usize| -> ArrayRef {
        let values = rows.iter().map(|row| Some(row[nth]).filter(|value| !value.is_empty()));
        Arc::new(values.collect::<StringArray>())
    };
    let mut arrays: Vec<(&str, ArrayRef)> =
        columns.iter().enumerate().map(|(nth, name)| (*name, column(nth))).collect();
    if let Some(tonic) = tonic {
        arrays.push(("tonic_hz", Arc::new(Float64Array::from(tonic.to_vec()))));
    }
    let batch =
        RecordBatch::try_from_iter_with_nullable(arrays.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.unwrap();
    let snappy = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(snappy)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn the_same_clips_are_the_same_dataset_in_any_form() {
    let space = Space::new();
    space.write("taqsim.toml", plain());
    space.build().succeeds().ran(N_TASKS);
    let before = space.published();
    let rows: Vec<&[&str]> = ROWS.iter().map(|row| &row[..]).collect();
    space.write("clips.csv", table(&ROWS, ",").replace('\n', "\r\n"));
    space.write("clips.tsv", table(&ROWS, "\t"));
    space.write("clips.parquet", parquet(&COLUMNS, &rows, None));
    space.write("lists/a/one.csv", table(&ROWS[..1], ","));
    space.write("lists/b.csv", table(&ROWS[1..], ","));
    for names in ["\"clips.csv\"", "[\"./clips.tsv\"]", "\"clips.parquet\"", "\"lists/**/*.csv\""] {
        space.write("taqsim.toml", with_tables(names));
        space.run(&["check"]).succeeds().says("3 clips, nothing wrong");
        space.run(&["plan", "--exit-code"]).succeeds();
        space.build().succeeds().ran(0);
        assert!(space.published() == before, "{names}");
        space.run(&["verify", "--require", "sources,tables"]).succeeds();
    }
    let (_, last) = MANIFEST.rsplit_once("[[clip]]").unwrap();
    space.write("clips.csv", table(&ROWS[..2], ","));
    space.write("taqsim.toml", format!("{}[[clip]]{last}", with_tables("\"clips.csv\"")));
    space.build().succeeds().ran(0);
    assert!(space.published() == before, "beside a `[[clip]]`");
}

#[test]
fn a_row_is_edited_as_a_clip_is() {
    let space = Space::new();
    space.write("taqsim.toml", with_tables("\"*.csv\""));
    space.write("clips.csv", table(&ROWS[..2], ","));
    space.build().succeeds().says("2 clips");
    space.write("more.csv", table(&ROWS[2..], ","));
    space.run(&["plan"]).succeeds().prints("three");
    space.build().succeeds().says("3 clips");
    space.write("clips.csv", table(&ROWS[..2], ",").replace("bayati", "rast"));
    space.run(&["plan"]).succeeds().prints("clip `two`: its entry changed");
    space.build().succeeds().ran(0);
    space.run(&["ls"]).succeeds().prints("maqam=rast section=intro");
}

#[test]
fn every_mistake_is_shown_at_its_cell() {
    let space = Space::new();
    space.write("taqsim.toml", with_tables("[\"clips.csv\", \"more.tsv\", \"gone.csv\", \"none/*.csv\"]"));
    space.write("clips.csv", table(&ROWS, ",").replace("bayati", "beyati").replace("CC0-1.0", "CC0"));
    space.write("more.tsv", table(&ROWS[..1], "\t") + "four\tsources/four.wav\n");
    let answer = space.run(&["check"]).exits(2).says("`taqsim.toml` and its clip tables have 6 errors");
    for shown in [
        "unknown maqam `beyati`\n --> clips.csv:3:45\n  |\n3 | two,sources/two.wav,CC-BY-4.0,0-1.5;1.5-3,A,beyati,intro\n",
        "= note: row 2, column `maqam`\n  = help: did you mean `bayati`?",
        "T0203]: `CC0` is not an SPDX licence expression\n --> clips.csv:4:25",
        "T0508]: the row has 2 cells, but the header has 7\n --> more.tsv:3:1",
        "T0503]: two clips have the id `one`\n --> more.tsv:2:1",
        "::: clips.csv:2:1",
        "T0507]: cannot read `gone.csv`: no such file\n --> taqsim.toml:1:35",
        "T0507]: no file matches `none/*.csv`\n --> taqsim.toml:1:47",
    ] {
        assert!(answer.stderr.contains(shown), "`{shown}` is not in\n{}", answer.stderr);
    }
    let json = space.run(&["check", "--format", "json"]).exits(2).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let finding =
        json["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "T0306").unwrap();
    assert_eq!(
        (&finding["file"], &finding["line"], &finding["row"]),
        (&"clips.csv".into(), &3.into(), &2.into())
    );
    space
        .run(&["check", "--format", "github"])
        .exits(2)
        .prints("::error file=clips.csv,line=3,col=45,endColumn=51");
    space.build().exits(2).says("clips.csv:3:45");
}

#[test]
fn sources_that_are_missing_or_short_are_shown_at_their_cell() {
    let space = Space::new();
    space.write("taqsim.toml", with_tables("\"clips.csv\""));
    space.write("clips.csv", table(&ROWS, ",").replace("1.5-3,", "1.5-30,").replace("/three", "/four"));
    space
        .run(&["check"])
        .exits(1)
        .says("clips.csv:3:37\n  |\n3 | two,sources/two.wav,CC-BY-4.0,0-1.5;1.5-30,")
        .says("past the end of the source")
        .says("cannot read `sources/four.wav`: no such file\n --> clips.csv:4:7");
}

#[test]
fn a_parquet_table_is_shown_by_its_rows() {
    let space = Space::new();
    let manifest = with_tables("\"clips.parquet\"").replace("[labels]", "[labels]\ntonic_hz = \"number\"");
    space.write("taqsim.toml", manifest);
    let columns = ["id", "source", "license", "maqam"];
    let rows: [&[&str]; 2] = [
        &["a\nb", "sources/one.wav", "CC0-1.0", "rast"],
        &["two", "sources/two.wav", "CC0-1.0", "hijaz, late"],
    ];
    space.write("clips.parquet", parquet(&columns, &rows, Some(&[440.0, f64::NAN])));
    space
        .run(&["check"])
        .exits(2)
        .says("clips.parquet:2:1")
        .says("clips.parquet:3:29\n  |\n3 | two,sources/two.wav,CC0-1.0,\"hijaz, late\",NaN\n")
        .says("= note: row 2, column `maqam`")
        .says("the label `tonic_hz` must be a number, not `NaN`");
    let whole = parquet(&columns, &rows, Some(&[440.0, 220.0]));
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        space.write("clips.parquet", damaged);
        let answer = space.run(&["check", "--no-sources"]);
        assert!(answer.code == 2 && !answer.stderr.contains("broke down"), "{at}: {}", answer.stderr);
    }
    space.write("clips.parquet", &whole[..whole.len() / 2]);
    space.run(&["check"]).exits(2).says("T0507]: cannot read `clips.parquet`");
}

#[test]
fn names_in_arabic_and_turkish_pass_through_tables_composed_and_decomposed() {
    let composed = "id,source,license,artist,maqam\n\
        taksim-İstanbul-ışık-عود,sources/ağır şarkı عود.wav,CC0-1.0,\"بشير، منير, Çağ\",rast\n";
    let space = Space::empty();
    space.write("sources/ağır şarkı عود.wav", music(3.0, 1));
    space.write("taqsim.toml", with_tables("\"çalgı/*.csv\""));
    space.write("çalgı/ışık.csv", composed);
    space.build().succeeds();
    let before = space.published();
    space.run(&["ls"]).succeeds().prints("taksim-İstanbul-ışık-عود").prints("بشير، منير, Çağ");
    let decomposed = |text: &str| text.nfd().collect::<String>();
    std::fs::remove_dir_all(space.path("çalgı")).unwrap();
    space.write(&decomposed("çalgı/ışık.csv"), decomposed(composed));
    space.build().succeeds().ran(0);
    assert!(space.published() == before);
    space.write("çalgı/ışık.csv", composed.replace("rast", "rasd"));
    std::fs::remove_file(space.path(&decomposed("çalgı/ışık.csv"))).unwrap();
    space.run(&["check"]).exits(2).says("çalgı/ışık.csv:2:").says("did you mean `rast`?");
}

#[test]
fn add_appends_beside_a_table_and_refuses_an_id_that_a_table_has() {
    let space = Space::new();
    space.write("taqsim.toml", with_tables("\"clips.csv\""));
    space.write("clips.csv", table(&ROWS[..2], ","));
    let before = space.text("taqsim.toml");
    let add = |file: &str| space.run(&["add", file, "--license", "CC0-1.0", "--label", "maqam=hijaz"]);
    add("sources/two.wav").exits(2).says("two clips have the id `two`").says("nothing was written");
    assert_eq!(space.text("taqsim.toml"), before);
    add("sources/three.wav").succeeds();
    assert!(space.text("taqsim.toml").contains("[[clip]]\nid      = \"three\""));
    space.run(&["check"]).succeeds().says("3 clips");
    assert_eq!(space.text("clips.csv"), table(&ROWS[..2], ","));
}

#[cfg(unix)]
#[test]
fn tables_outside_the_roots_are_not_read() {
    let (space, other) = (Space::new(), Space::empty());
    other.write("clips.csv", table(&ROWS, ","));
    std::os::unix::fs::symlink(other.path(""), space.path("link")).unwrap();
    for names in ["\"link/clips.csv\"", "\"link/*.csv\""] {
        space.write("taqsim.toml", with_tables(names));
        space.run(&["check"]).exits(2).says("T0507").says("leads out of the project's folder");
        space.run(&["check", "--root", other.path("").to_str().unwrap()]).succeeds();
    }
    space.write("taqsim.toml", with_tables("[\"../clips.csv\", \"/etc/*.csv\", \"/etc/passwd\"]"));
    space.run(&["check"]).exits(2).says("3 errors").says("it is absolute");
}
