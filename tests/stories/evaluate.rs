//! Evaluation: what a researcher reads of it, that it runs when a label changes and nothing else does, and what stands
//! in the tables.

use serde_json::Value;
use taqsim::release::{Table, read_table};
use taqsim::stages::Values;

use crate::space::{MANIFEST, N_TASKS, Space, music};

const EVALUATE: &str = "[evaluate]\nlabels = [\"maqam\"]\n\n[[clip]]\nid      = \"one\"";

/// Six clips, two of each of three maqamat, of two artists.
fn manifest() -> String {
    let (head, _) = MANIFEST.split_once("[[clip]]").unwrap();
    let clip = |(at, id): (usize, &str)| {
        let (maqam, artist) = (["rast", "bayati", "hijaz"][at % 3], ["A", "B"][at / 3]);
        format!(
            "[[clip]]\nid      = \"{id}\"\nsource  = \"sources/{id}.wav\"\nlicense = \"CC0-1.0\"\n\
             labels  = {{ artist = \"{artist}\", maqam = \"{maqam}\" }}\n\n"
        )
    };
    let clips: String =
        ["one", "two", "three", "four", "five", "six"].into_iter().enumerate().map(clip).collect();
    format!("{head}{clips}").replace("[[clip]]\nid      = \"one\"", EVALUATE)
}

fn space() -> Space {
    let space = Space::new();
    for (at, name) in ["four", "five", "six"].into_iter().enumerate() {
        space.write(&format!("sources/{name}.wav"), music(2.6 + 0.1 * at as f64, 4 + at as u32));
    }
    space.write("taqsim.toml", manifest());
    space
}

/// Tasks of six clips, `duplicates`, the map and the evaluation.
const N_OF_SIX: usize = 6 * 3 + 3;

fn table(space: &Space, name: &str) -> Table {
    read_table(&space.path(&format!("outputs/0.1.0/{name}.parquet")), name).unwrap()
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    match table.frame.column(column) {
        Some(Values::Texts(texts)) => texts.iter().map(|text| text.clone().unwrap_or_default()).collect(),
        other => panic!("{column}: {other:?}"),
    }
}

/// What the lock says of a table.
fn line_of(space: &Space, table: &str) -> Option<String> {
    let lock = space.text("taqsim.lock");
    lock.lines().find(|line| line.contains(&format!("{table}.parquet"))).map(str::to_owned)
}

#[test]
fn a_label_edit_runs_the_evaluation_and_nothing_else() {
    let space = space();
    // Two clips are equally long, so that their windows lie alike.
    space.build().succeeds().ran(N_OF_SIX - 1);
    space.build().succeeds().ran(0).says("is up to date");
    let before = (line_of(&space, "evaluation"), line_of(&space, "embed/timbre"));
    assert!(before.0.is_some() && line_of(&space, "confusion").is_some());

    let as_it_was = space.text("taqsim.toml");
    space.edit("artist = \"B\", maqam = \"rast\"", "artist = \"B\", maqam = \"hijaz\"");
    assert_eq!((space.n_planned("stale"), space.n_planned("fresh")), (1, N_OF_SIX - 1));
    space.run(&["plan"]).succeeds().prints("evaluate.timbre");
    space.build().succeeds().ran(1);
    assert_ne!(line_of(&space, "evaluation"), before.0);
    assert_eq!(line_of(&space, "embed/timbre"), before.1);
    space.write("taqsim.toml", as_it_was);
    space.build().succeeds().ran(0);
    assert_eq!(line_of(&space, "evaluation"), before.0);

    // A name is no label, a label that is not evaluated is none either, and neither is a licence.
    space.edit("\"four\"", "\"fourth\"");
    space.build().succeeds().ran(0);
    space.edit("license = \"CC0-1.0\"", "license = \"MIT\"");
    space.build().succeeds().ran(0);
    // Another number of neighbours is another evaluation.
    space.edit("labels = [\"maqam\"]\n", "labels = [\"maqam\"]\nneighbors = 3\n");
    space.build().succeeds().ran(1);
    space.run(&["verify", "--require", "sources,tables"]).succeeds();
    space.run(&["verify", "--rebuild"]).succeeds();
}

#[test]
fn without_the_section_nothing_is_evaluated_and_no_table_is_left() {
    let space = space();
    space.build().succeeds();
    assert!(space.path("outputs/0.1.0/evaluation.parquet").is_file());
    let (section, clip) = EVALUATE.split_once("[[clip]]").map(|(section, _)| (section, "")).unwrap();
    space.edit(section, clip);
    space.build().succeeds().ran(0);
    assert!(!space.path("outputs/0.1.0/evaluation.parquet").exists());
    space
        .run(&["evaluate"])
        .exits(2)
        .says("the manifest has no `[evaluate]`")
        .says("add the line `[evaluate]`");
}

#[test]
fn the_tables_have_a_row_for_every_question_and_a_reason_for_every_gap() {
    let space = space();
    space.build().succeeds();
    let scores = table(&space, "evaluation");
    let ids = texts(&scores, "evaluation_id");
    assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]));
    for protocol in ["random", "leave-recording-out", "leave-artist-out"] {
        for measure in ["knn_balanced_accuracy", "probe_balanced_accuracy"] {
            for label in ["maqam", "artist", "recording", "cutoff_hz", "noise_floor_dbfs", "loudness_lufs"] {
                assert!(ids.contains(&format!("{label}/timbre/{protocol}/{measure}")), "{label} {protocol}");
            }
        }
    }
    for id in
        ["maqam/timbre/all/silhouette", "maqam/timbre/all/cramers_v", "recording/timbre/all/nearer_within"]
    {
        assert!(ids.iter().any(|known| known == id), "{id}");
    }
    let Some(Values::Floats(values)) = scores.frame.column("value") else { panic!("no values") };
    for ((id, value), note) in ids.iter().zip(values).zip(texts(&scores, "note")) {
        assert!(value.is_some_and(f64::is_finite) || !note.is_empty(), "{id}");
    }
    let Some(Values::Ints(counts)) = table(&space, "confusion").frame.column("n").cloned() else {
        panic!("no counts")
    };
    assert!(counts.iter().all(|n| n.is_some_and(|n| n > 0)));
}

#[test]
fn evaluate_prints_for_people_and_for_programs() {
    let space = space();
    // Nothing was built: what it takes is made, and neither draft nor lock is written.
    let answer = space.run(&["evaluate"]).succeeds();
    assert!(!space.path("taqsim.lock").exists() && !space.path("outputs").exists());
    for words in ["maqam: 3 values", "leave-artist-out", "(chance)", "=> ", "Nuisances", "Performances"] {
        assert!(answer.stdout.contains(words), "{words}\n{}", answer.stdout);
    }
    let json = space.run(&["evaluate", "maqam", "--format", "json"]).succeeds().stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["schema_version"].as_str(), json["labels"].as_array().unwrap().len()), (Some("1.0"), 1));
    assert_eq!(json["labels"][0]["embeds"][0], "timbre");
    assert!(json["labels"][0]["conclusion"].as_str().unwrap().contains("maqam"));
    space
        .run(&["evaluate", "maqm"])
        .exits(2)
        .says("does not evaluate `maqm`")
        .says("it evaluates maqam, artist");
    // Only the map was not asked for.
    space.build().succeeds().ran(1);
}

#[test]
fn where_label_and_artist_coincide_it_says_so_and_concludes_nothing() {
    let space = space();
    let manifest = space.text("taqsim.toml");
    let manifest = manifest.replace("artist = \"B\", maqam = \"bayati\"", "artist = \"A\", maqam = \"rast\"");
    let manifest = manifest.replace("artist = \"A\", maqam = \"hijaz\"", "artist = \"B\", maqam = \"hijaz\"");
    let manifest = manifest.replace("artist = \"A\", maqam = \"bayati\"", "artist = \"A\", maqam = \"rast\"");
    let manifest = manifest.replace("artist = \"B\", maqam = \"rast\"", "artist = \"B\", maqam = \"hijaz\"");
    space.write("taqsim.toml", manifest);
    let answer = space.run(&["evaluate", "maqam"]).succeeds();
    let words =
        "`maqam` and `artist` coincide (Cramér's V 1.00), so that it may be the artist that is recognised";
    assert!(answer.stdout.contains(words), "{}", answer.stdout);
    assert!(answer.stdout.contains("=> no conclusion"), "{}", answer.stdout);
}

#[test]
fn what_is_wrong_in_the_section_is_shown_where_it_stands() {
    for (wrong, code, says) in [
        ("labels = [\"maqm\"]", "T0305", "unknown label `maqm`"),
        ("labels = [\"tonic_hz\"]", "T1001", "numbers or dates, which are no classes"),
        ("of = [\"tembre\"]", "T0404", "there is no embed step `tembre`"),
        ("artist = \"player\"", "T0305", "unknown label `player`"),
        ("permutations = 99", "T0106", "must be at least 999"),
        ("neighbours = 3", "T0103", "unknown key"),
        ("scale = \"log\"", "T0107", "scale"),
    ] {
        let space = Space::new();
        let manifest = MANIFEST.replace("[labels]\n", "[labels]\ntonic_hz = \"number\"\n");
        space.write(
            "taqsim.toml",
            manifest.replace("[[clip]]\nid      = \"one\"", &EVALUATE.replace("labels = [\"maqam\"]", wrong)),
        );
        let answer = space.run(&["check"]).exits(2);
        assert!(answer.stderr.contains(code) && answer.stderr.contains(says), "{wrong}\n{}", answer.stderr);
    }
    let space = Space::new();
    let texts_only = MANIFEST.replace("maqam   = [\"rast\", \"bayati\", \"hijaz\"]", "maqam   = \"text\"");
    let texts_only = texts_only.replace("section = [\"intro\", \"development\"]", "section = \"text\"");
    space.write("taqsim.toml", texts_only.replace("[reduce.map", "[evaluate]\n\n[reduce.map"));
    space.run(&["check"]).succeeds().says("no label is evaluated, only nuisances").says("T1002");
    space.build().succeeds().ran(N_TASKS + 1);
}
