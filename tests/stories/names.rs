//! Names in any script work everywhere, and composed and decomposed Unicode are one name.

use unicode_normalization::UnicodeNormalization;

use crate::space::{MANIFEST, Space, music};

const ID: &str = "taksim-İstanbul-ışık-عود";
const SOURCE: &str = "sources/ağır şarkı عود.wav";

fn manifest(form: impl Fn(&str) -> String) -> String {
    form(
        &MANIFEST
            .replace("\"one\"", &format!("\"{ID}\""))
            .replace("sources/one.wav", SOURCE)
            .replace("artist = \"A\", maqam = \"rast\"", "artist = \"منير بشير\", maqam = \"rast\""),
    )
}

fn composed(text: &str) -> String {
    text.nfc().collect()
}

fn decomposed(text: &str) -> String {
    text.nfd().collect()
}

#[test]
fn names_in_arabic_and_turkish_pass_through_every_door() {
    let space = Space::new();
    space.write("taqsim.toml", manifest(composed));
    space.write(SOURCE, music(3.0, 1));
    space.build().succeeds();
    space.run(&["ls"]).succeeds().prints(ID).prints(SOURCE).prints("منير بشير");
    let json: serde_json::Value =
        serde_json::from_str(&space.run(&["ls", "--format", "json"]).succeeds().stdout).unwrap();
    assert!(json["clips"].as_array().unwrap().iter().any(|clip| clip["id"] == ID));
    space.run(&["explain", ID]).succeeds().prints(ID);
    space.run(&["build", "--clip", "*ışık*"]).succeeds().ran(0);
    assert!(space.text("taqsim.lock").contains(ID));
    space.run(&["verify", "--require", "sources,tables"]).succeeds();
    space.edit("maqam = \"rast\"", "maqam = \"saba\"");
    space.run(&["check"]).exits(2).says("منير بشير");
}

#[test]
fn decomposed_names_are_the_same_names() {
    let space = Space::new();
    space.write("taqsim.toml", manifest(composed));
    space.write(SOURCE, music(3.0, 1));
    space.build().succeeds();
    let before = space.published();
    space.write("taqsim.toml", manifest(decomposed));
    std::fs::rename(space.path(SOURCE), space.path(&decomposed(SOURCE))).unwrap();
    space.build().succeeds().ran(0);
    assert_eq!(space.published(), before);
    space.run(&["explain", &decomposed(ID)]).succeeds();
}
