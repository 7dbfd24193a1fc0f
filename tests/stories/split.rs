//! Splits: joined at release without any audio work, the same however clips are ordered, and never leaking.

use taqsim::release::read_table;
use taqsim::stages::Values;

use crate::space::{N_PER_CLIP, N_TASKS, Space, music};

const SPLIT: &str = "[split]\ngroups = [\"artist\", \"recording\"]\nparts = { train = 0.75, test = 0.25 }\n\n[[clip]]\nid      = \"one\"";

/// The part of each clip, as `taqsim ls` knows it.
fn parts(space: &Space) -> Vec<(String, String)> {
    let list = space.run(&["ls", "--format", "json"]).succeeds().stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let word = |clip: &serde_json::Value, key: &str| clip[key].as_str().unwrap_or("-").to_owned();
    let clips = list["clips"].as_array().unwrap().iter();
    clips.map(|clip| (word(clip, "id"), word(clip, "split"))).collect()
}

/// The column `split` of clips.parquet; none where there is none.
fn published(space: &Space) -> Option<Values> {
    let table = read_table(&space.path("outputs/0.1.0/clips.parquet"), "clips").unwrap();
    table.frame.column("split").cloned()
}

fn part_of(space: &Space, clip: &str) -> String {
    parts(space).into_iter().find(|(id, _)| id == clip).unwrap().1
}

#[test]
fn a_split_is_joined_at_release_and_runs_no_task() {
    let space = Space::built();
    let bare = space.published();
    assert_eq!((part_of(&space, "one").as_str(), published(&space)), ("-", None));
    space.edit("[[clip]]\nid      = \"one\"", SPLIT);
    space.run(&["check"]).succeeds().says("split: train has").says("asked for 75.0 %");
    space.build().succeeds().ran(0);
    let split = space.published();
    assert_ne!(split, bare);
    assert_eq!(part_of(&space, "one"), part_of(&space, "two"), "they have one artist");
    let card = space.text("outputs/0.1.0/README.md");
    assert!(card.contains("## Split") && card.contains("| maqam | test | train |"), "{card}");
    space.run(&["verify", "--require", "sources,tables"]).succeeds();
    space.build().succeeds().ran(0).says("is up to date");

    // Every other split is another table of clips, and still no task.
    space.edit("0.25 }", "0.25 }\npin = { artist = { A = \"test\", B = \"train\" } }");
    space.build().succeeds().ran(0);
    let part = |id: &str, part: &str| (id.to_owned(), part.to_owned());
    assert_eq!(parts(&space), [part("one", "test"), part("three", "train"), part("two", "test")]);
    let column = ["test", "train", "test"].map(|part| Some(part.to_owned()));
    assert_eq!(published(&space), Some(Values::Texts(column.to_vec())));
    space.edit("\npin = { artist = { A = \"test\", B = \"train\" } }", "");
    space.build().succeeds().ran(0);
    assert!(space.published() == split);
    let (before, _) = SPLIT.split_once("[[clip]]").unwrap();
    space.edit(before, "");
    space.build().succeeds().ran(0);
    assert!(space.published() == bare);
}

#[test]
fn a_clip_that_joins_two_groups_is_named_before_and_while_it_moves_others() {
    let space = Space::new();
    let pinned = SPLIT.replace("0.25 }", "0.25 }\npin = { recording = { \"sources/one.wav\" = \"train\" } }");
    space.edit("[[clip]]\nid      = \"one\"", &pinned);
    space.edit("artist = \"B\"", "artist = \"Z\"");
    space.build().succeeds().ran(N_TASKS);
    let other = part_of(&space, "three");
    let seeds = (1..64).find(|seed| {
        space.edit("pin =", &format!("seed = {seed}\npin ="));
        let is_apart = part_of(&space, "three") == "test";
        if !is_apart {
            space.edit(&format!("seed = {seed}\npin ="), "pin =");
        }
        is_apart
    });
    assert!(seeds.is_some() || other == "test");
    space.build().succeeds().ran(0);
    let manifest = space.text("taqsim.toml");
    let joining = "\n[[clip]]\nid = \"duo\"\nsource = \"sources/one.wav\"\nlicense = \"CC0-1.0\"\n\
        ranges = [\"0-2\"]\nlabels = { artist = \"Z\", maqam = \"rast\" }\n";
    space.write("taqsim.toml", manifest.clone() + joining);
    space.run(&["check"]).succeeds().says("warning[T0806]").says("1 clip moves from `test` to `train`");
    let built = space.build().succeeds().ran(N_PER_CLIP + 2);
    built.says("clip `three` moved from `test` to `train`: clip `duo` joins two groups");
    assert!(!space.build().succeeds().stderr.contains("moved"), "it is said once");
}

#[test]
fn one_recording_under_two_names_on_both_sides_is_an_error() {
    let space = Space::new();
    let pin = "0.25 }\npin = { artist = { A = \"train\", B = \"test\" } }";
    space.edit("[[clip]]\nid      = \"one\"", &SPLIT.replace("0.25 }", pin));
    space.write("sources/three.wav", music(3.0, 1));
    space
        .build()
        .exits(2)
        .says("the split leaks")
        .says("clip `one` in `train`")
        .says("clip `three` in `test`");
    assert!(!space.path("outputs").exists());
    space.write("sources/three.wav", music(2.5, 3));
    space.build().succeeds().ran(N_TASKS);
}
