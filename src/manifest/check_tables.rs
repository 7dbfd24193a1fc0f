//! The tests of reading clip tables: tables in, what is shown out.

use proptest::prelude::*;

use super::cells::push_cell;
use super::*;
use crate::error::Error;

const MANIFEST: &str = "[dataset]\nname = \"demo\"\nversion = \"0.1.0\"\nlicense = \"CC0-1.0\"\n\
    [labels]\nartist = \"text\"\ntonic = \"number\"\nrecorded = \"date\"\nlive = \"bool\"\n\
    [labels.maqam]\nrast = []\nhijaz = [\"hicaz\", \"حجاز\"]\n";

/// Reads a manifest that names these tables, each by its own name.
fn read(tables: &[(&str, &[u8])]) -> Outcome {
    let names: Vec<String> = tables.iter().map(|(name, _)| format!("{name:?}")).collect();
    let manifest = format!("clips = [{}]\n{MANIFEST}", names.join(", "));
    let open = |name: &str| {
        let found = tables.iter().filter(|(path, _)| *path == name);
        Ok(found.map(|(path, bytes)| TableFile { path: (*path).to_owned(), bytes: bytes.to_vec() }).collect())
    };
    parse_with_tables(manifest.as_bytes(), "taqsim.toml", &open)
}

fn shown(outcome: &Outcome) -> String {
    render(&outcome.findings, &outcome.texts, Style::Plain)
}

/// The codes raised by one CSV table, and where.
fn codes(table: &[u8]) -> Vec<String> {
    let outcome = read(&[("a.csv", table)]);
    let place = |finding: &Finding| {
        let (text, span) = outcome.texts.locate(&finding.span);
        let position = text.position(span.start);
        format!("{} {} {}:{}", finding.code, text.path, position.line, position.column)
    };
    outcome.findings.iter().map(place).collect()
}

fn clips(table: &str) -> Vec<Clip> {
    let outcome = read(&[("a.csv", table.as_bytes())]);
    let shown = shown(&outcome);
    outcome.manifest.unwrap_or_else(|| panic!("{shown}")).clips
}

#[test]
fn a_wrong_cell_is_shown_with_its_row_and_column() {
    let table = "id,source,license,maqam\na,sources/a.flac,CC0-1.0,rast\nb,sources/b.flac,CC0-1.0,hijax\n";
    let outcome = read(&[("lists/a.csv", table.as_bytes())]);
    assert_eq!(
        shown(&outcome).trim_end(),
        "error[T0306]: unknown maqam `hijax`
 --> lists/a.csv:3:26
  |
3 | b,sources/b.flac,CC0-1.0,hijax
  |                          ^^^^^ not in the vocabulary
  |
  = note: row 2, column `maqam`
  = help: did you mean `hijaz`?"
    );
    let json = &to_json(&outcome.findings, &outcome.texts)["findings"][0];
    assert_eq!(
        (&json["file"], &json["line"], &json["column"]),
        (&"lists/a.csv".into(), &3.into(), &26.into())
    );
    assert_eq!((&json["row"], &json["cell"], &json["end_column"]), (&2.into(), &"maqam".into(), &31.into()));
    let github = to_github(&outcome.findings, &outcome.texts);
    assert!(
        github.starts_with("::error file=lists/a.csv,line=3,col=26,endColumn=31,title=T0306::"),
        "{github}"
    );
    assert!(github.contains("row 2, column `maqam`"), "{github}");
}

#[test]
fn clips_of_two_tables_with_one_id_are_both_shown() {
    let row = |id: &str| format!("id,source,license\n{id},a.flac,CC0-1.0\n");
    let (one, two) = (row("caf\u{e9}"), row("\"cafe\u{301}\""));
    let outcome = read(&[("one.csv", one.as_bytes()), ("two.csv", two.as_bytes())]);
    assert_eq!(
        shown(&outcome).trim_end(),
        "error[T0503]: two clips have the id `caf\u{e9}`
 --> two.csv:2:1
  |
2 | \"cafe\u{301}\",a.flac,CC0-1.0
  | ^^^^^^ again
  |
 ::: one.csv:2:1
  |
2 | caf\u{e9},a.flac,CC0-1.0
  | ---- first here
  |
  = note: row 1, column `id`"
    );
}

#[test]
fn everything_that_is_wrong_is_found_at_its_cell() {
    const HEADER: &str = "id,source,license\n";
    let row = |row: &str| format!("{HEADER}{row}").into_bytes();
    let labelled = |label: &str, value: &str| {
        format!("id,source,license,{label}\na,a.flac,CC0-1.0,{value}\n").into_bytes()
    };
    let cases: Vec<(Vec<u8>, &[&str])> = vec![
        (Vec::new(), &["T0509 a.csv 1:1"]),
        (b"\n\r\n".to_vec(), &["T0509 a.csv 1:1"]),
        (HEADER.into(), &["T0501 taqsim.toml 1:9"]),
        (row("a,a.flac\n"), &["T0508 a.csv 2:1"]),
        (row("a,a.flac,CC0-1.0,x,y\n"), &["T0508 a.csv 2:18"]),
        (row(",,\n,a.flac,CC0-1.0"), &["T0105 a.csv 3:1"]),
        (row("a,,\n"), &["T0105 a.csv 2:3", "T0105 a.csv 2:4"]),
        (row("a,\"a.flac,CC0-1.0\nb,b.flac,CC0-1.0\n"), &["T0508 a.csv 2:3"]),
        (row("a,\"a.flac\"x,CC0-1.0\n"), &["T0508 a.csv 2:3"]),
        (row("a/b,/a.flac,MIIT\n"), &["T0502 a.csv 2:1", "T0505 a.csv 2:5", "T0203 a.csv 2:13"]),
        (row("a\0,a.flac,CC0-1.0\n"), &["T0502 a.csv 2:1"]),
        (row("a,a.flac,GPL-3.0\n"), &["T0204 a.csv 2:10"]),
        (
            row("a,a.flac,CC0-1.0\nA,a.flac,CC0-1.0\na,a.flac,CC0-1.0"),
            &["T0504 a.csv 3:1", "T0503 a.csv 4:1"],
        ),
        (
            b"id;source;license\n".to_vec(),
            &["T0105 a.csv 1:1", "T0105 a.csv 1:1", "T0105 a.csv 1:1", "T0509 a.csv 1:1"],
        ),
        (
            b"id,source,license,id,,labels,licence\n".to_vec(),
            &["T0509 a.csv 1:19", "T0509 a.csv 1:22", "T0509 a.csv 1:23", "T0509 a.csv 1:30"],
        ),
        (b"\xef\xbb\xbfid,source,license\na,caf\xe9.flac,MIT\n".to_vec(), &["T0101 a.csv 2:6"]),
        (labelled("maqam", "saba"), &["T0306 a.csv 2:18"]),
        (labelled("tonic", "\"1,5\""), &["T0307 a.csv 2:18"]),
        (labelled("tonic", "nan"), &["T0307 a.csv 2:18"]),
        (labelled("tonic", "9007199254740993"), &["T0307 a.csv 2:18"]),
        (labelled("recorded", "2026-02-30"), &["T0307 a.csv 2:18"]),
        (labelled("live", "yes"), &["T0307 a.csv 2:18"]),
        (labelled("artist", "a\u{202e}b"), &["T0108 a.csv 2:18"]),
        (labelled("origin", "a\u{7}b"), &["T0108 a.csv 2:18"]),
        (labelled("ranges", "0-1; 5-4"), &["T0602 a.csv 2:23"]),
        (labelled("ranges", "\"0-2;1-3;x\""), &["T0603 a.csv 2:23", "T0601 a.csv 2:27"]),
    ];
    let mut wrong = String::new();
    for (table, expected) in cases {
        let codes = codes(&table);
        if codes != expected {
            wrong +=
                &format!("\n{}\nexpected {expected:?}\nfound {codes:?}\n", String::from_utf8_lossy(&table));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn cells_are_read_by_the_vocabulary_and_an_empty_one_is_absent() {
    let clips = clips(
        "\u{feff}live,tonic,maqam,artist,recorded,ranges,origin,license,source,id\r\n\
         TRUE,-0.5e3,حجاز,\"Bashir, \"\"Munir\"\"\",1987-05,0-1;0:02-0:03.5,=1+1,CC0-1.0,./a//b.flac,b\r\n\
         ,,,,,,,CC0-1.0,a.flac,a\r\n",
    );
    let text = |text: &str| Label::Text(text.into());
    let expected = [
        ("artist", text("Bashir, \"Munir\"")),
        ("live", Label::Bool(true)),
        ("maqam", text("hijaz")),
        ("recorded", text("1987-05")),
        ("tonic", Label::Number(-500.0)),
    ];
    assert_eq!(clips[1].labels, expected.into_iter().collect());
    assert_eq!((clips[1].origin.as_deref(), clips[1].source.as_str()), (Some("=1+1"), "a/b.flac"));
    assert_eq!(
        clips[1].ranges.iter().map(|range| (range.start, range.end)).collect::<Vec<_>>(),
        [(0.0, 1.0), (2.0, 3.5)]
    );
    assert_eq!((clips[0].origin.clone(), clips[0].labels.len(), clips[0].ranges.len()), (None, 0, 0));
}

#[test]
fn tables_of_tabs_have_commas_in_their_cells() {
    let outcome = read(&[("a.tsv", b"id\tsource\tlicense\tartist\na\ta.flac\tCC0-1.0\tBashir, Munir\n")]);
    let labels = outcome.manifest.expect("nothing is wrong").clips[0].labels.clone();
    assert_eq!(labels.get("artist"), Some(&Label::Text("Bashir, Munir".into())));
}

#[test]
fn what_a_manifest_was_read_from_is_known() {
    let table = |id: &str| format!("id,source,license\n{id},a.flac,CC0-1.0\n").into_bytes();
    let open = |name: &str| {
        let paths: &[&str] = if name == "b.csv" { &["b.csv"] } else { &["l/a.csv", "b.csv", "l/c.csv"] };
        Ok(paths
            .iter()
            .map(|path| TableFile { path: (*path).to_owned(), bytes: table(&path.replace('/', "-")) })
            .collect())
    };
    let manifest = format!("clips = [\"b.csv\", \"./*/*.csv\"]\n{MANIFEST}");
    let outcome = parse_with_tables(manifest.as_bytes(), "taqsim.toml", &open);
    assert_eq!(outcome.tables.files, ["b.csv", "l/a.csv", "l/c.csv"]);
    assert_eq!(outcome.tables.globs, ["*/*.csv"]);
    let none = parse_with_tables(manifest.as_bytes(), "taqsim.toml", &|_| Ok(Vec::new()));
    assert!(shown(&none).contains("T0507]: no file matches `*/*.csv`"), "{}", shown(&none));
    let denied = |name: &str| Err(Error::cannot_read(name, "permission denied").hint("ask"));
    let denied = parse_with_tables(manifest.as_bytes(), "taqsim.toml", &denied);
    assert!(shown(&denied).contains("T0507]: cannot read `b.csv`: permission denied"), "{}", shown(&denied));
}

#[test]
fn what_the_sources_say_is_shown_at_the_cell() {
    let outcome = read(&[("a.csv", b"ranges,id,source,license\n\"0-1;2-30\",a,a.wav,CC0-1.0\n")]);
    let place = outcome.place(0).expect("the clip is there");
    let mut findings = Findings::default();
    findings.push(Finding::source_unusable(&place, &Error::cannot_read("a.wav", "no such file")));
    findings.push(Finding::range_past_end(&place, 1, 30.0, 10.0));
    let shown = render(&findings, &outcome.texts, Style::Plain);
    assert!(shown.contains("2 | \"0-1;2-30\",a,a.wav,CC0-1.0\n  |              ^^^^^"), "{shown}");
    assert!(shown.contains("CC0-1.0\n  |      ^^^^^ past the end"), "{shown}");
}

#[test]
fn a_million_mistakes_are_counted_and_a_thousand_shown() {
    let mut table = String::from("id,source,license,maqam\n");
    (0..200_000).for_each(|_| table.push_str("a/b,/x,MIIT,saba\n,,\n"));
    let outcome = read(&[("a.csv", table.as_bytes())]);
    assert_eq!((outcome.findings.len(), outcome.findings.omitted()), (1000, 1_200_000 - 1 - 1000));
}

#[test]
fn endless_cells_and_columns_are_findings() {
    for table in [
        ",".repeat(100_000),
        "\"".repeat(100_001),
        format!("id,source,license\n{}", ",".repeat(100_000)),
        format!("id,source,license\n\"{}", "a,\n".repeat(100_000)),
        format!("id,source,license\n{},a,MIT", "a".repeat(1_000_000)),
    ] {
        let outcome = read(&[("a.csv", table.as_bytes())]);
        let shown = shown(&outcome);
        assert!(outcome.manifest.is_none() && shown.len() < 2_000_000, "{}", shown.len());
    }
}

/// Any text that may stand in a clip.
const TEXT: &str = "[a-z,;\"' =éşİعود0-9]{1,12}";

/// What a clip is made of: id, origin, gaps and lengths of its ranges, artist, tonic, whether it is live.
type Parts = (String, Option<String>, Vec<(u32, u32)>, Option<String>, Option<f64>, Option<bool>);

fn any_parts() -> impl Strategy<Value = Parts> {
    use proptest::option::of;
    let ranges = proptest::collection::vec((1_u32..500, 1_u32..500), 0..4);
    ("[a-zéşعود,\";]{1,12}", of(TEXT), ranges, of(TEXT), of(-1e9..1e9), of(any::<bool>()))
}

fn clip_of(nth: usize, (id, origin, ranges, artist, tonic, live): Parts) -> Clip {
    let mut at = 0.0;
    let range = |(gap, length): (u32, u32)| {
        let start = at + f64::from(gap);
        at = start + f64::from(length);
        Range { start, end: at, labels: Labels::default() }
    };
    let labels = [
        artist.map(|artist| ("artist", Label::Text(names::nfc(&artist).into()))),
        tonic.map(|tonic| ("tonic", Label::Number(tonic))),
        live.map(|live| ("live", Label::Bool(live))),
    ];
    Clip {
        id: names::nfc(&format!("{nth:04}{id}x")),
        source: names::nfc(&format!("{id}.flac")),
        license: ["CC0-1.0", "MIT OR Apache-2.0"][nth % 2].to_owned(),
        origin: origin.map(|origin| names::nfc(&origin)),
        ranges: ranges.into_iter().map(range).collect(),
        labels: labels.into_iter().flatten().collect(),
        accept: ["percussion", "snr_db"][..nth % 3].iter().map(ToString::to_string).collect(),
    }
}

/// The clips as a table.
fn written(clips: &[Clip], delimiter: u8) -> String {
    let separator = char::from(delimiter);
    let mut text = ["id", "source", "license", "origin", "ranges", "accept", "artist", "tonic", "live"]
        .join(&separator.to_string());
    for clip in clips {
        let ranges: Vec<String> =
            clip.ranges.iter().map(|range| format!("{}-{}", range.start, range.end)).collect();
        let mut cells = vec![clip.id.clone(), clip.source.clone(), clip.license.clone()];
        cells.extend([clip.origin.clone().unwrap_or_default(), ranges.join(";"), clip.accept.join(" ; ")]);
        cells.extend(["artist", "tonic", "live"].map(|name| match clip.labels.get(name) {
            Some(Label::Text(text)) => text.to_string(),
            Some(Label::Number(number)) => format!("{number:?}"),
            Some(Label::Bool(truth)) => truth.to_string(),
            None => String::new(),
        }));
        for (nth, cell) in cells.iter().enumerate() {
            text.push(if nth == 0 { '\n' } else { separator });
            push_cell(&mut text, cell, delimiter);
        }
    }
    text
}

proptest! {
    #[test]
    fn clips_that_are_written_as_a_table_are_read_as_they_were(
        parts in proptest::collection::vec(any_parts(), 1..8),
        is_tsv in any::<bool>(),
    ) {
        let clips: Vec<Clip> = parts.into_iter().enumerate().map(|(nth, parts)| clip_of(nth, parts)).collect();
        let (name, delimiter) = if is_tsv { ("a.tsv", b'\t') } else { ("a.csv", b',') };
        let outcome = read(&[(name, written(&clips, delimiter).as_bytes())]);
        prop_assert!(outcome.findings.is_empty(), "{}", shown(&outcome));
        prop_assert_eq!(outcome.manifest.map(|manifest| manifest.clips), Some(clips));
    }

    #[test]
    fn no_bytes_make_reading_a_table_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), name in "a\\.(csv|tsv|parquet)") {
        let outcome = read(&[(&name, &bytes)]);
        prop_assert_eq!(outcome.manifest.is_none(), outcome.findings.has_errors());
        shown(&outcome);
        to_json(&outcome.findings, &outcome.texts);
    }

    #[test]
    fn no_edit_of_a_table_makes_reading_panic(edits in proptest::collection::vec((any::<proptest::sample::Index>(), 0_usize..4, "\\PC{0,3}|[,\"\n\r\t;]{1,3}"), 1..6)) {
        let table = "id,source,license,maqam,ranges,artist\na,a.flac,CC0-1.0,rast,0-1;2-3,\"x, \"\"y\"\"\"\nb,b.flac,MIT,حجاز,,\n";
        let mut text: Vec<char> = table.chars().collect();
        for (at, removed, inserted) in edits {
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
            text.push('\n');
        }
        let outcome = read(&[("a.csv", text.into_iter().collect::<String>().as_bytes())]);
        shown(&outcome);
        to_json(&outcome.findings, &outcome.texts);
        to_github(&outcome.findings, &outcome.texts);
        (0..9).for_each(|clip| drop(outcome.place(clip)));
    }
}
