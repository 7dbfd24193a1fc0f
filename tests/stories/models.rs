//! Models: weights are hashed like sources, loaded once, and what was computed with them is remembered and verified.

use std::process::Command;

use taqsim::release::read_table;
use taqsim::stages::Values;

use crate::space::{Answer, MANIFEST, N_TASKS, Space};

const STEPS: &str = r#"[embed.heard.wav2vec2]
of      = "windows"
weights = "models/mert"
layer   = [1, 3]
pool    = "mean+std"
window  = 0.4

[reduce.map.pca]
of = "timbre"

[reduce.heard.pca]
of = "heard"
"#;

/// Of each clip one row of windows; and their map.
const N_MORE: usize = 3 + 1;
const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

const MODEL: &str = "tests/checkpoints/mert-95m";

fn checkpoint(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(MODEL).join(name)).unwrap()
}

fn put_model(space: &Space, folder: &str) {
    for name in ["config.json", "preprocessor_config.json", "model.safetensors"] {
        space.write(&format!("{folder}/{name}"), checkpoint(name));
    }
}

fn space() -> Space {
    let space = Space::new();
    space.write("taqsim.toml", MANIFEST.replace("[reduce.map.pca]\nof = \"timbre\"\n", STEPS));
    put_model(&space, "models/mert");
    space
}

fn built() -> Space {
    let space = space();
    space.build().succeeds().ran(N_TASKS + N_MORE);
    space
}

#[test]
fn a_dataset_with_a_model_is_built_once_and_other_weights_run_only_its_step() {
    let space = built();
    let frame = read_table(&space.path("outputs/0.1.0/embed/heard.parquet"), "embed/heard").unwrap().frame;
    let dims = ["vector", "layer_1", "layer_3"].map(|name| match frame.column(name) {
        Some(Values::Lists { dim, data }) => {
            assert!(data.iter().all(|x| x.is_finite()));
            *dim
        }
        other => panic!("{name}: {other:?}"),
    });
    assert_eq!(dims, [128, 64, 64]);
    space.build().succeeds().says("is up to date");
    space.edit("version = \"0.1.0\"", "version = \"0.1.1\"");
    space.build().succeeds().ran(0);
    let mut weights = checkpoint("model.safetensors");
    // The sign of a number of some matrix.
    let place = weights.len() / 2 / 4 * 4 + 3;
    weights[place] ^= 0x80;
    space.write("models/mert/model.safetensors", weights);
    space.run(&["verify"]).exits(3).prints("`models/mert/model.safetensors`: content differs");
    space.run(&["plan"]).succeeds().prints("embed.heard");
    space.build().succeeds().ran(N_MORE);
    put_model(&space, "models/mert");
    space.build().succeeds().ran(0);
}

#[test]
fn a_model_may_move_and_may_be_away() {
    let space = built();
    put_model(&space, "other/place");
    space.edit("models/mert", "other/place/model.safetensors");
    space.build().succeeds().ran(0);
    space.edit("other/place/model.safetensors", "models/mert");
    space.build().succeeds().ran(0);
    std::fs::remove_dir_all(space.path("models")).unwrap();
    space.edit("artist = \"B\"", "artist = \"C\"");
    space.build().succeeds().ran(0);
    space.run(&["verify"]).succeeds();
    space.edit("layer   = [1, 3]", "layer   = 2");
    space.build().exits(1).says("bring them back");
    std::fs::remove_file(space.path("taqsim.lock")).unwrap();
    space.build().exits(1).says("cannot read `models/mert`: no such folder");
}

#[test]
fn the_cache_of_hugging_face_is_read_and_its_absence_says_the_command() {
    let space = space();
    let place = format!("hf:m-a-p/tiny@{REVISION}");
    space.edit("models/mert", &place);
    let hub = space.path("hub");
    let build = |words: &[&str]| Answer::of(space.command(words).env("HF_HUB_CACHE", &hub).output().unwrap());
    build(&["build"]).exits(1).says(&format!("hf download m-a-p/tiny --revision {REVISION}"));
    let snapshot = format!("hub/models--m-a-p--tiny/snapshots/{REVISION}");
    put_model(&space, &snapshot);
    space.write(&format!("{snapshot}/README.md"), "---\nlicense: cc-by-nc-4.0\n---\n# Tiny\n");
    build(&["build"]).succeeds().ran(N_TASKS + N_MORE).says("licensed cc-by-nc-4.0");
    let lock = space.text("taqsim.lock");
    for words in [
        &format!("\"{place}/model.safetensors\" = {{ repo = \"m-a-p/tiny\", revision = \"{REVISION}\""),
        "file = \"model.safetensors\"",
        "license = \"cc-by-nc-4.0\"",
        "sha256 = \"",
    ] {
        assert!(lock.contains(words), "{words}\n{lock}");
    }
    let card = space.text("outputs/0.1.0/README.md");
    assert!(card.contains("## Models") && card.contains("Not for commercial use"), "{card}");
    build(&["build"]).succeeds().says("is up to date");
    build(&["verify", "--require", "sources,tables"]).succeeds();
    space.edit(&format!("@{REVISION}"), "@main");
    build(&["check"]).exits(2).says("no commit of a repository");
}

#[test]
fn what_does_not_fit_is_named() {
    let space = space();
    space.edit("layer   = [1, 3]", "layer   = 9");
    space.build().exits(1).says("the model has 4 layers");
    space.edit("layer   = 9", "layer   = 1");
    space.write("models/mert/config.json", "{\"model_type\": \"bert\"}");
    space.build().exits(1).says("`model_type` is `bert`");
    space.write("models/mert/config.json", checkpoint("config.json"));
    space.write("models/mert/model.safetensors", &checkpoint("model.safetensors")[..5000]);
    space.build().exits(1).says("cannot read `model.safetensors`");
    std::fs::remove_file(space.path("models/mert/model.safetensors")).unwrap();
    space.build().exits(1).says("there are no weights in it");
    space.edit("weights = \"models/mert\"\n", "");
    space.run(&["check"]).exits(2).says("missing `weights`");
}

#[test]
fn the_number_of_threads_changes_no_bit_of_a_network() {
    let one = space();
    Answer::of(one.command(&["build", "--jobs", "1"]).env("RAYON_NUM_THREADS", "1").output().unwrap())
        .succeeds();
    let two = space();
    Answer::of(two.command(&["build", "--jobs", "2"]).env("RAYON_NUM_THREADS", "2").output().unwrap())
        .succeeds();
    assert_eq!(one.published(), two.published());
    one.run(&["verify", "--rebuild"]).succeeds().says("embed.heard: equal bits");
}

#[test]
fn an_old_cpu_verifies_a_network_within_its_tolerance_and_all_else_to_the_bit() {
    let Ok(true) = Command::new("qemu-x86_64").arg("--version").output().map(|it| it.status.success()) else {
        eprintln!("skipped: qemu-x86_64 is absent (Debian: qemu-user)");
        return;
    };
    let space = built();
    let verify = space.command(&["verify", "--rebuild"]);
    let mut emulated = Command::new("qemu-x86_64");
    emulated.args(["-cpu", "Nehalem"]).arg(verify.get_program()).args(verify.get_args());
    emulated.current_dir(space.path(""));
    let lock = space.text("taqsim.lock");
    Answer::of(emulated.output().unwrap())
        .succeeds()
        .says("embed.heard: equal within 1e-4 (cosine >= 0.999999)");
    assert_eq!(space.text("taqsim.lock"), lock);
}

#[test]
fn models_are_listed_and_one_can_be_tried() {
    let space = space();
    let hub = space.path("hub");
    put_model(&space, &format!("hub/models--m-a-p--MERT-v1-95M/snapshots/{REVISION}"));
    let listed = space.command(&["models"]).env("HF_HUB_CACHE", &hub).output().unwrap();
    let listed = Answer::of(listed).succeeds();
    let here = format!("here: weights = \"hf:m-a-p/MERT-v1-95M@{REVISION}\"");
    assert!(listed.stdout.contains(&here), "{}", listed.stdout);
    assert!(listed.stdout.contains("hf download ntua-slp/CultureMERT-95M"), "{}", listed.stdout);
    for path in ["models/mert", "models/mert/model.safetensors"] {
        let tried = space.run(&["models", "check", path]).succeeds();
        assert!(tried.stdout.contains("32 numbers"), "{}", tried.stdout);
    }
    space.run(&["models", "check", "sources"]).exits(1).says("there are no weights in it");
}
