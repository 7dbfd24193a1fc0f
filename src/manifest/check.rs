//! The tests of reading: a manifest in, what is shown out.

use serde_json::Value;

use super::codes::CODES;
use super::*;
use crate::error::Error;
use crate::stages::embed::Import;
use crate::stages::{Embed, Reduce, Segment};

/// A `[dataset]` and a clip, for fragments that have none.
const DATASET: &str = "[dataset]\nname = \"demo\"\nversion = \"0.1.0\"\nlicense = \"CC0-1.0\"\n";
const CLIP: &str = "[[clip]]\nid = \"demo-clip\"\nsource = \"demo.wav\"\nlicense = \"CC0-1.0\"\n";

/// The whole manifest that a fragment stands for.
pub(super) fn complete(fragment: &str) -> String {
    let mut manifest = fragment.to_owned();
    let has = |mark: &str| fragment.contains(mark);
    if !has("[dataset]") {
        manifest.push('\n');
        manifest.push_str(DATASET);
    }
    if !has("clip]") && !has("clip =") && !has("clips =") {
        manifest.push('\n');
        manifest.push_str(CLIP);
    }
    manifest
}

/// Reads a fragment; the clip table that it may name stands in it as a comment, as in docs/CODES.md.
pub(super) fn read(fragment: &str) -> Outcome {
    let (_, table) = fragment.split_once("# clips.csv:\n").unwrap_or_default();
    let rows: String = table.lines().map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
    let open = |name: &str| match name {
        "clips.csv" if !rows.is_empty() => {
            Ok(vec![TableFile { path: name.to_owned(), bytes: rows.clone().into_bytes() }])
        }
        _ => Err(Error::cannot_read(name, "no such file")),
    };
    parse_with_tables(complete(fragment).as_bytes(), "taqsim.toml", &open)
}

/// The findings in a fragment as they are shown.
fn shown(fragment: &str) -> String {
    let outcome = read(fragment);
    render(&outcome.findings, &outcome.texts, Style::Plain)
}

#[track_caller]
fn check(fragment: &str, expected: &str) {
    let shown = shown(fragment);
    assert_eq!(shown.trim_end(), expected.trim(), "\n{shown}");
}

/// The codes raised, and where: `T0103 2:1`.
fn codes(fragment: &str) -> Vec<String> {
    let outcome = read(fragment);
    let place = |finding: &Finding| {
        let (text, span) = outcome.texts.locate(&finding.span);
        let position = text.position(span.start);
        format!("{} {}:{}", finding.code, position.line, position.column)
    };
    outcome.findings.iter().map(place).collect()
}

#[track_caller]
fn manifest(fragment: &str) -> Manifest {
    read(fragment).manifest.unwrap_or_else(|| panic!("{}", shown(fragment)))
}

/// A manifest with every key.
pub(super) const FULL: &str = include_str!("../../docs/example.toml");

#[test]
fn an_unknown_key_is_shown_with_its_line_and_what_was_meant() {
    let fragment = "[segment.windows.sliding]\nlength = 20.0\nhopp = 3.0\n";
    check(
        fragment,
        "error[T0103]: unknown key `hopp` in `[segment.windows.sliding]`
 --> taqsim.toml:3:1
  |
3 | hopp = 3.0
  | ^^^^ unknown key
  |
  = help: did you mean `hop`?",
    );
}

#[test]
fn two_clips_with_one_id_are_both_shown() {
    check(
        "[[clip]]\nid = \"caf\u{e9}\"\nsource = \"a.wav\"\nlicense = \"MIT\"\n\
         [[clip]]\nid = \"cafe\u{301}\"\nsource = \"b.wav\"\nlicense = \"MIT\"\n",
        "error[T0503]: two clips have the id `caf\u{e9}`
 --> taqsim.toml:6:6
  |
6 | id = \"cafe\u{301}\"
  |      ^^^^^^ again
  |
 ::: taqsim.toml:2:6
  |
2 | id = \"caf\u{e9}\"
  |      ------ first here",
    );
}

#[test]
fn a_word_outside_the_vocabulary_is_shown_after_other_scripts_too() {
    check(
        "[labels]\nmaqam = [\"راست\", \"hijaz\"]\n[[clip]]\nid = \"a\"\nsource = \"a.wav\"\nlicense = \"MIT\"\n\
         ranges = [{ at = \"0-1\", maqam = \"راست\" }]\nlabels = { maqam = \"hijax\" }",
        "error[T0306]: unknown maqam `hijax`
 --> taqsim.toml:8:20
  |
8 | labels = { maqam = \"hijax\" }
  |                    ^^^^^^^ not in the vocabulary
  |
  = help: did you mean `hijaz`?",
    );
}

#[test]
fn alternatives_are_listed() {
    check(
        "[normalize]\nsample_rate = \"kep\"\nloudness = true",
        "error[T0107]: `sample_rate` must be an integer or `keep`, not `kep`
 --> taqsim.toml:2:15
  |
2 | sample_rate = \"kep\"
  |               ^^^^^ not a value of this key
  |
  = help: did you mean `keep`?

error[T0104]: `loudness` must be a number or `keep`, not a boolean
 --> taqsim.toml:3:12
  |
3 | loudness = true
  |            ^^^^ expected a number or `keep`",
    );
}

#[test]
fn everything_that_is_wrong_is_found_at_its_place() {
    let clip = |rest: &str| format!("[[clip]]\nid = \"a\"\nsource = \"a.wav\"\nlicense = \"MIT\"\n{rest}");
    let labelled = |vocabulary: &str, labels: &str| {
        format!("labels = {{ {vocabulary} }}\n{}", clip(&format!("labels = {{ {labels} }}")))
    };
    let cases: Vec<(String, &[&str])> = vec![
        ("x = 1\ny = 2".into(), &["T0103 1:1", "T0103 2:1"]),
        ("[split]".into(), &["T0105 1:1"]),
        ("[split]\nparts = { Train = 0.5, b = 0.25 }".into(), &["T0801 2:9", "T0801 2:11"]),
        ("[split]\nparts = { a = 1 }\ngroups = [\"artits\"]".into(), &["T0305 3:11"]),
        ("[split]\nparts = { a = 0, b = 1 }".into(), &["T0106 2:15"]),
        ("[split]\nparts = { a = 1 }\n[split.pin]\nx = { y = \"a\" }".into(), &["T0802 4:1"]),
        (
            "[split]\nparts = { a = 1 }\n[split.pin.recording]\n\"demo.wav\" = \"b\"\nz = \"a\"".into(),
            &["T0802 4:14", "T0803 5:1"],
        ),
        ("[gate]\nclipping = 1".into(), &["T0104 2:12"]),
        ("[gate]\nclippin = { max = 1 }".into(), &["T0103 2:1"]),
        ("[gate]\nsnr_db = { then = \"fail\" }".into(), &["T0901 2:10"]),
        ("[gate]\nsnr_db = [{ min = 2 }, { min = 2, max = 1 }]".into(), &["T0901 2:24"]),
        ("[gate]\nsnr_db = { min = 2, then = \"stop\" }".into(), &["T0107 2:28"]),
        ("[gate.labels]\nsung = { is = false }".into(), &["T0305 2:1"]),
        (clip("accept = [\"percusion\"]"), &["T0107 5:11"]),
        ("clips = \"clips.csv\"".into(), &["T0507 1:9"]),
        (
            "clips = [\"a.txt\", 3, \"/a.csv\", \"../*.csv\"]".into(),
            &["T0506 1:10", "T0104 1:19", "T0506 1:22", "T0506 1:32"],
        ),
        ("clips = []".into(), &["T0106 1:9"]),
        ("[normalize]\nclips = \"clips.csv\"".into(), &["T0501 1:1", "T0103 2:1"]),
        ("a = \n[normalize]\nchannels = mono".into(), &["T0102 1:5", "T0102 3:12"]),
        ("[normalize]\nchannels = mono\nx = 1".into(), &["T0102 2:12", "T0103 3:1"]),
        ("[normalize]\n[normalize]".into(), &["T0102 2:2"]),
        ("[normalize]\nx = [1,\n[segment]\ny = [".into(), &["T0102 3:2"]),
        ("[normalize]\nloudness = nan".into(), &["T0106 2:12"]),
        ("[normalize]\nloudness = 1e999".into(), &["T0106 2:12"]),
        ("[normalize]\nsample_rate = -1".into(), &["T0106 2:15"]),
        ("[normalize]\nsample_rate = 99999999999".into(), &["T0106 2:15"]),
        ("[normalize]\nsample_rate = 44100.0".into(), &["T0104 2:15"]),
        ("[normalize]\nranges = [[0.0, 1.0]]".into(), &["T0103 2:1"]),
        ("normalize = 3".into(), &["T0104 1:13"]),
        ("[segment]\nwindows = 3".into(), &["T0104 2:11"]),
        ("[segment.windows]\nlength = 3".into(), &["T0103 2:1"]),
        ("[segment.windows]".into(), &["T0403 1:1"]),
        ("[segment.windows.sliding]\n[segment.windows.whole]".into(), &["T0403 2:18"]),
        (
            "[segment.w.sliding]\n[embed.a.sectral]\nof = \"w\"\n[reduce.b.pca]\nof = \"a\"".into(),
            &["T0402 2:10"],
        ),
        ("[segment.w.sliding]\nof = \"w\"".into(), &["T0103 2:1"]),
        ("[embed.a.spectral]".into(), &["T0105 1:1"]),
        ("[segment.w.whole]\n[embed.a.import]\nof = \"w\"".into(), &["T0105 2:1"]),
        ("[segment.w.whole]\n[embed.a.import]\nof = \"w\"\nfile = \"v.h5\"".into(), &["T0407 4:8"]),
        ("[segment.w.whole]\n[embed.a.import]\nof = \"w\"\nfile = \"../v.csv\"".into(), &["T0407 4:8"]),
        (
            "[segment.w.whole]\n[embed.a.import]\nof = \"w\"\nfile = \"v.npy\"\nids = \"/x\"".into(),
            &["T0407 5:7"],
        ),
        (
            "[segment.w.whole]\n[embed.a.import]\nof = \"w\"\nfile = \"v.csv\"\nids = \"x\"".into(),
            &["T0407 5:7"],
        ),
        ("[embed.a.spectral]\nof = 1".into(), &["T0104 2:6"]),
        ("[segment.w.whole]\n[reduce.b.pca]\nof = \"w\"".into(), &["T0404 3:6"]),
        ("[segment.test-set.whole]\n[segment.tests.whole]".into(), &["T0405 1:10"]),
        ("[segment.\"a/b\".whole]\n[segment.\"\".whole]".into(), &["T0401 1:10", "T0401 2:10"]),
        ("[dataset]\nname = \"a\"".into(), &["T0105 1:1", "T0105 1:1"]),
        (
            "[dataset]\nname = \"\"\nversion = \"1.0\"\nlicense = \"CC\"".into(),
            &["T0201 2:8", "T0202 3:11", "T0203 4:11"],
        ),
        (clip("rangs = []"), &["T0103 5:1"]),
        (clip("ranges = \"0-1\""), &["T0104 5:10"]),
        (clip("ranges = [1, \"0-1\"]"), &["T0104 5:11"]),
        (clip("ranges = [{ section = \"x\" }]"), &["T0105 5:11", "T0305 5:13"]),
        (clip("ranges = [{ at = \"x\" }, \"5-6\", \"5-4\"]"), &["T0601 5:18", "T0602 5:32"]),
        (clip("labels = { artist = \"x\" }"), &["T0305 5:12"]),
        (clip("origin = 3"), &["T0104 5:10"]),
        (clip("origin = \"a\\u0007\""), &["T0108 5:10"]),
        ("[[clip]]".into(), &["T0105 1:1", "T0105 1:1", "T0105 1:1"]),
        ("[clip]\nid = \"a\"".into(), &["T0104 1:1"]),
        (
            "[[clip]]\nid = \"\"\nsource = \"\"\nlicense = \"\"".into(),
            &["T0502 2:6", "T0505 3:10", "T0203 4:11"],
        ),
        (
            "[[clip]]\nid = \"..\"\nsource = \"a\\\\b\"\nlicense = \"MIT\"".into(),
            &["T0502 2:6", "T0505 3:10"],
        ),
        (
            "[segment.w.whole]\n[embed.a.pitch]\nof = \"w\"\ntonic = { label = \"tonic\" }\n\
             [embed.b.pitch]\nof = \"w\"\ntonic = -3\n[embed.c.pitch]\nof = \"w\"\ntonic = { labl = \"x\" }"
                .into(),
            &["T0305 4:9", "T0106 7:9", "T0105 10:9", "T0103 10:11"],
        ),
        ("labels = 3".into(), &["T0104 1:10"]),
        ("labels = { a = \"txt\" }".into(), &["T0107 1:16"]),
        ("labels = { a = 3, b = [1] }".into(), &["T0104 1:16", "T0301 1:23", "T0104 1:24"]),
        ("labels = { a = [], b = {} }".into(), &["T0301 1:16", "T0301 1:24"]),
        (
            "labels = { a = [\"x\", \"x\"], b = { u = [\"v\"], v = [] } }".into(),
            &["T0304 1:22", "T0304 1:45"],
        ),
        (
            "labels = { clip_id = \"text\", A = \"text\", at = \"bool\", \"1\" = \"text\" }".into(),
            &["T0303 1:12", "T0302 1:30", "T0303 1:42", "T0302 1:55"],
        ),
        (labelled("a = 3", "a = \"x\""), &["T0104 1:16"]),
        (labelled("a = \"text\"", "a = 3"), &["T0307 6:16"]),
        (labelled("a = \"text\"", "a = [3]"), &["T0104 6:16"]),
        (labelled("a = \"number\"", "a = \"3\""), &["T0307 6:16"]),
        (labelled("a = \"number\"", "a = inf"), &["T0106 6:16"]),
        (labelled("a = \"number\"", "a = 9007199254740993"), &["T0307 6:16"]),
        (labelled("a = \"bool\"", "a = \"true\""), &["T0307 6:16"]),
        (labelled("a = \"date\"", "a = 2026"), &["T0307 6:16"]),
        (labelled("a = \"date\"", "a = 2026-11-21T10:00:00Z"), &["T0307 6:16"]),
        (labelled("a = \"date\"", "a = \"2026-02-30\""), &["T0307 6:16"]),
        (labelled("i = [\"ı\"]", "i = \"İ\""), &["T0306 6:16"]),
    ];
    let mut wrong = String::new();
    for (fragment, expected) in cases {
        let codes = codes(&fragment);
        if codes != expected {
            wrong += &format!("\n{fragment}\nexpected {expected:?}\nfound {codes:?}\n{}", shown(&fragment));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_full_example_is_read_as_it_is_meant() {
    let manifest = manifest(FULL);
    assert_eq!(manifest.dataset.authors.len(), 1);
    assert_eq!(manifest.embed["timbre"].of, "windows");
    let clip = &manifest.clips[0];
    assert_eq!(clip.id, "bashir-rast");
    assert_eq!((clip.ranges[0].start, clip.ranges[1].end), (12.5, 103.0));
    let text = |text: &str| Some(Label::Text(text.into()));
    assert_eq!(clip.ranges[1].labels.get("section").cloned(), text("development"));
    assert_eq!(clip.labels.get("maqam").cloned(), text("hijaz"), "an alias is read as its word");
    assert_eq!(clip.labels.get("recorded").cloned(), text("1987-05"));
}

#[test]
fn labels_have_the_type_that_is_declared() {
    let fragment = "labels = { a = \"number\", b = \"bool\", c = \"date\", \"ü\" = \"text\" }\n[[clip]]\nid = \"cafe\u{301}\"\n\
         source = \"a.wav\"\nlicense = \"MIT\"\nlabels = { a = 3, b = true, c = 2026-11-21, \"u\u{308}\" = \"e\u{301}\" }";
    let manifest = manifest(fragment);
    let labels: Vec<(&str, &Label)> = manifest.clips[0].labels.iter().collect();
    let text = |text: &str| Label::Text(text.into());
    assert_eq!(manifest.clips[0].id, "café");
    assert_eq!(
        labels,
        [
            ("a", &Label::Number(3.0)),
            ("b", &Label::Bool(true)),
            ("c", &text("2026-11-21")),
            ("ü", &text("é"))
        ]
    );
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let marked = format!("\u{feff}{}", complete("").replace('\n', "\r\n"));
    assert_eq!(parse(marked.as_bytes(), "t").manifest, Some(manifest("")));
    assert_eq!(codes("\u{feff}x = 1\r\ny = 2\r\n"), ["T0103 1:1", "T0103 2:1"]);
}

#[test]
fn every_default_survives_being_written_out() {
    let step = |family: &str, kind: toml::Value, of: Option<&str>| {
        let mut kind = kind;
        for (_, params) in kind.as_table_mut().expect("a kind is a table") {
            let params = params.as_table_mut().expect("parameters are a table");
            params.extend(of.map(|of| ("of".to_owned(), of.into())));
        }
        let section = toml::Table::from_iter([("x".to_owned(), kind)]);
        toml::Table::from_iter([(family.to_owned(), section.into())]).to_string()
    };
    let written = |kind: Result<toml::Value, toml::ser::Error>| kind.expect("parameters are TOML");
    for kind in Segment::every_kind() {
        assert_eq!(
            manifest(&step("segment", written(toml::Value::try_from(&kind)), None)).segment["x"],
            kind
        );
    }
    for kind in Embed::every_kind() {
        let mut kind = match kind {
            // Without a file there is nothing to import.
            Embed::Import(import) => Embed::Import(Import { file: "vectors.csv".into(), ..import }),
            kind => kind,
        };
        kind.weights_mut().into_iter().for_each(|weights| *weights = "models/x".into());
        let text = step("embed", written(toml::Value::try_from(&kind)), Some("w"));
        assert_eq!(manifest(&format!("{text}\n[segment.w.whole]")).embed["x"].kind, kind);
    }
    for kind in Reduce::every_kind() {
        let text = step("reduce", written(toml::Value::try_from(&kind)), Some("e"));
        let steps = "[segment.w.whole]\n[embed.e.spectral]\nof = \"w\"";
        assert_eq!(manifest(&format!("{text}\n{steps}")).reduce["x"].kind, kind);
    }
}

#[test]
fn the_schema_knows_exactly_the_parameters_that_are_read() {
    let schema = schema();
    let known = |properties: &Value| -> Vec<String> {
        properties.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    let families = [
        ("segment", Segment::every_kind().iter().map(serde_json::to_value).collect::<Vec<_>>()),
        ("embed", Embed::every_kind().iter().map(serde_json::to_value).collect()),
        ("reduce", Reduce::every_kind().iter().map(serde_json::to_value).collect()),
    ];
    for (family, kinds) in families {
        let properties = &schema["properties"][family]["additionalProperties"]["properties"];
        for kind in kinds {
            let kind = kind.expect("parameters are JSON");
            for name in known(&kind) {
                let mut of_schema = known(&properties[&name]["properties"]);
                of_schema.retain(|key| key != "of");
                assert_eq!(of_schema, known(&kind[&name]), "{family}.{name}");
            }
        }
    }
}

#[test]
fn every_key_of_the_schema_is_in_the_full_example() {
    let schema = schema();
    let root = &schema["properties"];
    for section in [root, &root["dataset"]["properties"], &root["clip"]["items"]["properties"]] {
        for (key, _) in section.as_object().expect("a section has keys") {
            assert!(FULL.contains(key.as_str()), "{key}");
        }
    }
}

#[test]
fn every_code_is_raised_by_its_wrong_example_and_not_by_its_right_one() {
    // What is no text, or is only found out when sources or the lock are read, has no manifest that raises it.
    const WITHOUT_EXAMPLE: [&str; 7] = ["T0101", "T0701", "T0702", "T0703", "T0806", "T0902", "T0903"];
    for code in CODES {
        let raised = codes(code.wrong);
        let as_expected = raised.iter().any(|raised| raised.starts_with(code.code));
        assert!(as_expected || WITHOUT_EXAMPLE.contains(&code.code), "{}: {raised:?}", code.code);
        assert_eq!(shown(code.right), "", "{}", code.code);
    }
}

#[test]
fn what_is_not_utf_8_and_what_the_sources_say_have_codes_too() {
    let outcome = parse(b"[dataset]\nname = \"caf\xe9\"\n", "taqsim.toml");
    let position =
        outcome.texts.manifest().position(outcome.findings.iter().next().expect("a finding").span.start);
    assert_eq!((position.line, position.column, outcome.manifest), (2, 12, None));

    let outcome = parse(
        complete("[[clip]]\nid = \"a\"\nsource = \"a.wav\"\nlicense = \"MIT\"\nranges = [\"0-1\", \"2-30\"]")
            .as_bytes(),
        "t",
    );
    let clip = outcome.place(0).expect("the clip is there");
    let mut findings = Findings::default();
    let missing = Error::cannot_read("a.wav", "no such file");
    findings.push(Finding::source_unusable(&clip, &missing));
    findings.push(Finding::range_past_end(&clip, 1, 30.0, 10.0));
    findings.push(Finding::moves_clips(&clip, (&clip, "a"), 2, ["train", "test"]));
    let shown = render(&findings, &outcome.texts, Style::Plain);
    assert!(shown.contains("warning[T0806]: 2 clips move from `train` to `test` of the split"), "{shown}");
    assert!(
        shown.contains("T0701") && shown.contains("3 | source = \"a.wav\"\n  |          ^^^^^^^"),
        "{shown}"
    );
    assert!(
        shown.contains("T0702") && shown.contains("\"2-30\"]\n  |                  ^^^^^^ past the end"),
        "{shown}"
    );
    for code in ["T0101", "T0701", "t0702", "0103"] {
        assert!(explain(code).is_some(), "{code}");
    }
}
