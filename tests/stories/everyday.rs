//! The first ten minutes, and the verbs that people type without thinking.

use crate::space::{Space, music};

#[test]
fn from_an_empty_folder_to_a_dataset() {
    let space = Space::empty();
    space.run(&["init", "my-oud"]).succeeds().says("my-oud/taqsim.toml");
    space.write("my-oud/sources/x.wav", music(3.0, 1));
    let inside = |words: &[&str]| space.run(&[&["-C", "my-oud"], words].concat());
    inside(&["check"]).exits(2).says("no clips");
    space.write("my-oud/more/x.wav", music(3.0, 2));
    let [file, same_name] = ["my-oud/sources/x.wav", "my-oud/more/x.wav"]
        .map(|file| space.path(file).to_string_lossy().into_owned());
    let both = ["add", &file, &same_name, "--license", "CC-BY-4.0"];
    inside(&both).exits(2).says("two clips have the id `x`").says("the manifest would be wrong");
    let add = ["add", &file, "--license", "CC-BY-4.0", "--label", "maqam=hicaz"];
    inside(&add).succeeds().says("added clip `x` (3.0 s)");
    inside(&["check"]).succeeds().says("nothing wrong");
    inside(&["plan"]).succeeds().prints("never built");
    inside(&["build"]).succeeds().says("1 clip,");
    inside(&["ls"]).succeeds().prints("maqam=hijaz").prints("fresh");
    inside(&["verify", "--require", "sources,tables"]).succeeds();
    inside(&["plan", "--exit-code"]).succeeds().prints("Nothing to do");
}

#[test]
fn init_leaves_what_is_there_alone() {
    let space = Space::new();
    let before = space.text("taqsim.toml");
    space.run(&["init"]).exits(2).says("already");
    assert_eq!(space.text("taqsim.toml"), before);
}

#[test]
fn add_refuses_what_would_make_the_manifest_wrong_and_writes_nothing() {
    let space = Space::new();
    let before = space.text("taqsim.toml");
    space.write("sources/text.mp3", "no music");
    space.write("sources/good.wav", music(1.0, 4));
    let cases: [(&[&str], &str); 6] = [
        (&["sources/one.wav", "--license", "CC-BY-4.0"], "two clips"),
        (&["sources/good.wav", "--license", "CC-BY 4.0"], "CC-BY-4.0"),
        (&["sources/good.wav", "--license", "CC-BY-4.0", "--label", "maqam=rastt"], "did you mean `rast`"),
        (&["sources/good.wav", "--license", "CC-BY-4.0", "--range", "2-1"], "range"),
        (&["sources/text.mp3", "--license", "CC-BY-4.0"], "sources/text.mp3"),
        (&["sources/none.wav", "--license", "CC-BY-4.0"], "sources/none.wav"),
    ];
    for (words, expected) in cases {
        let answer = space.run(&[&["add"], words].concat()).says(expected);
        assert_ne!(answer.code, 0, "{words:?}");
        assert_eq!(space.text("taqsim.toml"), before, "{words:?}");
    }
}

#[test]
fn add_keeps_the_manifest_as_people_wrote_it() {
    let space = Space::new();
    let before = space.text("taqsim.toml");
    space.write("sources/bağlama ıssız.wav", music(1.0, 4));
    space.run(&["add", "sources/bağlama ıssız.wav", "--license", "CC0-1.0", "--range", "0-0.5"]).succeeds();
    let after = space.text("taqsim.toml");
    assert!(after.starts_with(&before));
    assert!(after.contains("id      = \"bağlama ıssız\"") && after.contains("ranges  = [\"0-0.5\"]"));
    space.run(&["check"]).succeeds();
}

#[test]
fn add_offers_what_the_tags_say_and_nobody_has_to_take_it() {
    let space = Space::new();
    let title = b"\x03Rast\n[[clip]]";
    let address = b"https://creativecommons.org/licenses/by/4.0/";
    let mut file = b"ID3\x04\0\0\0\0\0".to_vec();
    file.push((20 + title.len() + address.len()) as u8);
    for (frame, text) in [(b"TIT2", title.as_slice()), (b"WCOP", address)] {
        file.extend([frame.as_slice(), &[0, 0, 0, text.len() as u8, 0, 0], text].concat());
    }
    file.extend(include_bytes!("../fixtures/audio/chirp.mp3"));
    space.write("sources/tagged.mp3", file);
    space.run(&["add", "sources/tagged.mp3", "--license", "CC-BY-4.0"]).succeeds().says("its tags");
    let manifest = space.text("taqsim.toml");
    assert!(manifest.contains("\n# tags:   labels  = { title = \"Rast [[clip]]\" }\n"), "{manifest}");
    assert!(manifest.contains("\n# tags:   license = \"https://creativecommons.org/licenses/by/4.0/\"\n"));
    space.run(&["check"]).succeeds();
}

#[test]
fn the_program_finds_its_manifest_from_a_folder_below() {
    let space = Space::built();
    space.run(&["-C", "sources", "build"]).succeeds().ran(0);
    let nowhere = Space::empty();
    nowhere.run(&["build"]).exits(2).says("cannot find `taqsim.toml`").says("taqsim init");
}

#[test]
fn check_reports_everything_at_once_with_places() {
    let space = Space::new();
    space.edit("hop    = 0.5", "hopp   = 0.5");
    space.edit("maqam = \"rast\"", "maqam = \"rastt\"");
    space.edit("of = \"timbre\"", "of = \"timbr\"");
    let answer = space.run(&["check"]).exits(2);
    for expected in
        ["taqsim.toml:13:1", "did you mean `hop`", "did you mean `rast`", "did you mean `timbre`", "3 errors"]
    {
        assert!(answer.stderr.contains(expected), "{expected}\n{}", answer.stderr);
    }
    let json: serde_json::Value =
        serde_json::from_str(&space.run(&["check", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["findings"].as_array().unwrap().len(), 3);
    assert_eq!(json["findings"][0]["line"], 13);
    let github = space.run(&["check", "--format", "github"]);
    assert_eq!(
        github.stdout.lines().filter(|line| line.starts_with("::error file=taqsim.toml,line=")).count(),
        3
    );
}

#[test]
fn check_looks_at_the_sources_as_well() {
    let space = Space::new();
    std::fs::remove_file(space.path("sources/one.wav")).unwrap();
    space.edit("{ at = \"1.5-3\"", "{ at = \"1.5-3.5\"");
    space.run(&["check"]).exits(1).says("sources/one.wav").says("3.5").says("2 errors");
    space.run(&["check", "--no-sources"]).succeeds();
}

#[test]
fn explain_knows_clips_steps_and_codes() {
    let space = Space::built();
    space.edit("[embed.timbre.spectral]", "[embed.timbre.spectral]\nn_mfcc = 13");
    space.run(&["explain", "one"]).succeeds().prints("embed.timbre/one: stale: `n_mfcc`: default -> 13");
    space.run(&["explain", "segment.windows"]).succeeds().prints("segment.windows/three: fresh");
    space.run(&["explain", "T0306"]).succeeds().prints("Wrong:").prints("Right:");
    space.run(&["explain", "nothing"]).exits(2).says("`nothing`");
}

#[test]
fn the_graph_is_drawn_for_both_languages() {
    let space = Space::new();
    space.run(&["graph"]).succeeds().prints("\"embed.timbre\" -> \"reduce.map\" [label=\"features\"]");
    space.run(&["graph", "--format", "mermaid"]).succeeds().prints("segment_windows -->|spans| embed_timbre");
}

#[test]
fn editors_shells_and_readers_of_manuals_are_served() {
    let space = Space::empty();
    let schema: serde_json::Value = serde_json::from_str(&space.run(&["schema"]).succeeds().stdout).unwrap();
    assert!(schema["properties"]["clip"].is_object());
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("taqsim.schema.json");
    let beside: serde_json::Value = serde_json::from_slice(&std::fs::read(beside).unwrap()).unwrap();
    assert_eq!(schema, beside, "taqsim.schema.json is not what `taqsim schema` prints");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        space.run(&["completions", shell]).succeeds().prints("taqsim");
    }
    space.run(&["man"]).succeeds().prints(".TH taqsim");
    space.run(&["man", "build"]).succeeds().prints("allow\\-failed");
}

#[test]
fn a_release_is_frozen() {
    let space = Space::new();
    space.run(&["release"]).exits(3).says("build first");
    space.build().succeeds();
    space.run(&["release"]).succeeds().says("released");
    let before = space.published();
    assert!(space.text("taqsim.lock").contains("[[released]]"));
    space.build().succeeds().ran(0);
    space.edit("maqam = \"rast\"", "maqam = \"hijaz\"");
    space.build().exits(3).says("released with other content").says("raise `version`");
    assert_eq!(space.published(), before);
    space.edit("version = \"0.1.0\"", "version = \"0.2.0\"");
    space.build().succeeds().ran(0).says("outputs/0.2.0");
    assert!(space.path("outputs/0.1.0/clips.parquet").exists());
}

#[test]
fn nobody_is_waited_for_when_nobody_builds() {
    let space = Space::built();
    let answer = space.build().succeeds();
    assert!(!answer.stderr.contains("waiting"));
}
