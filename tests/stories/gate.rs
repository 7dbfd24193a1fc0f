//! The quality gate: what it flags, leaves out and fails, and that a limit costs nothing.

use serde_json::Value;

use crate::space::{MANIFEST, N_TASKS, Space, music, wav};

/// The three clips of the usual project, one that is clipped, one that is silent and one that is a copy.
fn space() -> Space {
    let space = Space::new();
    let clipped: Vec<i16> = (0..66_150).map(|i| if i / 50 % 2 == 0 { 32_767 } else { -32_768 }).collect();
    space.write("sources/clipped.wav", wav(22_050, 1, &clipped));
    space.write("sources/silent.wav", wav(22_050, 1, &[0; 66_150]));
    space.write("sources/one-again.wav", music(3.0, 1));
    let clip = |id: &str| {
        format!("\n[[clip]]\nid = \"{id}\"\nsource = \"sources/{id}.wav\"\nlicense = \"CC0-1.0\"\n")
    };
    space.write(
        "taqsim.toml",
        format!("{MANIFEST}{}{}{}", clip("clipped"), clip("silent"), clip("one-again")),
    );
    space
}

/// What the lock says of the table of the map.
fn line_of_map(space: &Space) -> String {
    let lock = space.text("taqsim.lock");
    lock.lines().find(|line| line.contains("reduce/map.parquet")).unwrap().to_owned()
}

/// The manifest with limits in it.
fn with_limit(manifest: &str, limit: &str) -> String {
    manifest.replace("[segment.windows", &format!("[gate]\n{limit}\n\n[segment.windows"))
}

/// The rows of `clips`, as `check --audio` measures them.
fn clips(space: &Space) -> Vec<Value> {
    let answer = space.run(&["check", "--audio", "--format", "json"]);
    let json: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{answer:?}"));
    json["clips"].as_array().unwrap().clone()
}

#[test]
fn what_is_of_no_use_is_left_out_and_the_rest_is_built() {
    let space = space();
    let answer = space.build().succeeds();
    for words in [
        "clip `clipped` is left out: `clipping` is",
        "clip `silent` is left out",
        "clip `one-again` is left out",
    ] {
        assert!(answer.stderr.contains(words), "{words}\n{}", answer.stderr);
    }
    assert!(answer.stderr.contains("`duplicate` is 1 of clip `one`, above 0.85"), "{}", answer.stderr);
    let card = space.text("outputs/0.1.0/README.md");
    assert!(card.contains("In no table but `clips`: 3."), "{card}");
    space.run(&["ls"]).succeeds().prints("silent     excluded  sources/silent.wav");
    space.run(&["verify", "--require", "sources,tables"]).succeeds();
    space.build().succeeds().ran(0).says("is up to date");
}

const LIMITS: [(&str, &str); 3] = [
    ("duration_s = { min = 2.9 }", "flagged"),
    (
        "duration_s = { min = 2.9, then = \"exclude\" }",
        "clip `three` is left out: `duration_s` is 2.5, below 2.9",
    ),
    ("duplicate = []\nduration_s = { max = 2.9, then = \"exclude\" }", "clip `two` is left out"),
];

#[test]
fn a_new_limit_runs_no_task() {
    let space = Space::new();
    space.edit("[reduce.map.pca]\nof = \"timbre\"\n", "");
    space.build().succeeds().ran(N_TASKS - 1);
    let manifest = space.text("taqsim.toml");
    for (limit, words) in LIMITS {
        space.write("taqsim.toml", with_limit(&manifest, limit));
        space.build().succeeds().ran(0).says(words);
        space.run(&["verify", "--require", "sources,tables"]).succeeds();
        space.build().succeeds().ran(0).says("is up to date");
    }
    space.write("taqsim.toml", manifest);
    space.build().succeeds().ran(0);
}

#[test]
fn a_clip_that_is_left_out_takes_no_part_in_a_map_and_only_maps_are_made_again_for_it() {
    let space = Space::built();
    let manifest = space.text("taqsim.toml");
    for ((limit, words), n) in LIMITS.into_iter().zip([0, 1, 1]) {
        space.write("taqsim.toml", with_limit(&manifest, limit));
        assert_eq!(space.n_planned("stale"), n, "{limit}");
        space.build().succeeds().ran(n).says(words);
    }
    // As if the clips that are left out had never been there: the third alone is in.
    let left_out = line_of_map(&space);
    let (one, rest) = manifest.split_once("[[clip]]\nid      = \"one\"").unwrap();
    let (_, three) = rest.split_once("[[clip]]\nid      = \"three\"").unwrap();
    space.write("taqsim.toml", format!("{one}[[clip]]\nid      = \"three\"{three}"));
    space.build().succeeds();
    assert_eq!(line_of_map(&space), left_out);
    // Undone, nothing runs.
    space.write("taqsim.toml", manifest);
    space.build().succeeds().ran(0);
}

#[test]
fn a_limit_that_says_fail_fails_and_costs_no_other_clip() {
    let space = Space::new();
    space.edit("[segment.windows", "[gate]\nduration_s = { min = 2.9, then = \"fail\" }\n\n[segment.windows");
    let answer = space.build().exits(1).ran(N_TASKS).says("clip `three`: it does not pass the gate");
    assert!(answer.stderr.contains("`duration_s` is 2.5, below 2.9"), "{}", answer.stderr);
    assert!(!space.path("outputs").exists());
    space.run(&["build", "--allow-failed"]).succeeds().ran(0).says("1 failed");
    space.edit(
        "{ artist = \"B\", maqam = \"hijaz\" }",
        "{ artist = \"B\", maqam = \"hijaz\" }\naccept = [\"duration_s\"]",
    );
    // Now the map has it, too.
    space.build().succeeds().ran(1);
}

#[test]
fn labels_are_limits_too() {
    let space = Space::new();
    space.edit(
        "[segment.windows",
        "[gate.labels]\nartist = { is = \"A\", then = \"exclude\" }\n\n[segment.windows",
    );
    space.build().succeeds().says("clip `three` is left out: `artist` is \"B\", not \"A\"");
    space.edit("is = \"A\"", "is = 7");
    space.run(&["check"]).exits(2).says("must be text");
    space.edit("artist = { is = 7", "artisst = { is = \"A\"");
    space.run(&["check"]).exits(2).says("did you mean `artist`");
}

#[test]
fn check_measures_what_build_then_need_not() {
    let space = space();
    let clips = clips(&space);
    let of = |id: &str| clips.iter().find(|clip| clip["clip_id"] == id).unwrap();
    assert!(of("clipped")["clipping"].as_f64().unwrap() > 0.5);
    assert_eq!(of("silent")["silence"], 1.0);
    assert_eq!(
        (&of("one-again")["duplicate_of"], &of("one-again")["duplicate"]),
        (&"one".into(), &1.0.into())
    );
    assert_eq!((&of("one")["bit_depth"], &of("one")["sample_rate_hz"]), (&16.into(), &22_050.into()));
    assert!(!space.path("outputs").exists() && !space.path("taqsim.lock").exists());

    let answer = space.run(&["check", "--audio"]).succeeds().prints("percussion").prints("silent: silence");
    for words in
        ["warning[T0902]: clip `clipped`: `clipping` is", "add `accept = [\"clipping\"]`", "left out"]
    {
        assert!(answer.stderr.contains(words), "{words}\n{}", answer.stderr);
    }
    let built = space.build().succeeds();
    assert!(!built.stderr.contains("normalize") && built.n_ran() <= 2 * 6 + 1, "{}", built.stderr);
}

#[test]
fn a_clip_that_cannot_be_measured_stops_no_other() {
    let space = Space::new();
    space.write("sources/two.wav", &music(3.0, 2)[..40_000]);
    space.run(&["check", "--audio"]).exits(1).says("T0903").prints("percussion");
}

#[test]
fn findings_about_limits_have_their_place() {
    let space = Space::new();
    space.edit(
        "[segment.windows",
        "[gate]\nclippin = { max = 1 }\nsnr_db = { then = \"exclude\" }\n\n[segment.windows",
    );
    space.edit("labels  = { artist = \"B\"", "accept = [\"percusion\"]\nlabels  = { artist = \"B\"");
    let answer = space.run(&["check"]).exits(2);
    for words in
        ["did you mean `clipping`", "T0901", "no `min` or `max`", "did you mean `percussion`", "3 errors"]
    {
        assert!(answer.stderr.contains(words), "{words}\n{}", answer.stderr);
    }
}
