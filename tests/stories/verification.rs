//! `taqsim verify` notices every change, names it, and says what it could not check.

use std::fs;

use crate::space::Space;

#[test]
fn a_dataset_as_built_verifies() {
    let space = Space::built();
    space.run(&["verify", "--require", "sources,tables"]).succeeds().says("3 of 3 sources");
    space.run(&["verify", "--rebuild"]).succeeds().says("rebuilt from nothing");
}

#[test]
fn without_a_lock_there_is_nothing_to_verify_against() {
    Space::new().run(&["verify"]).exits(3).says("no `taqsim.lock`").says("build first");
}

#[test]
fn a_flipped_byte_in_any_source_is_named() {
    let space = Space::built();
    for name in ["sources/one.wav", "sources/three.wav"] {
        let bytes = space.read(name);
        let mut flipped = bytes.clone();
        flipped[1_000] ^= 1;
        space.write(name, &flipped);
        space.run(&["verify"]).exits(3).prints(&format!("source `{name}`: content differs"));
        space.write(name, bytes);
    }
    space.run(&["verify"]).succeeds();
}

#[test]
fn a_flipped_byte_anywhere_in_a_table_is_named() {
    let space = Space::built();
    for (name, bytes) in space.files("outputs/0.1.0") {
        for position in (0..bytes.len()).step_by(bytes.len() / 12 + 1) {
            let mut flipped = bytes.clone();
            flipped[position] ^= 4;
            space.write(&format!("outputs/0.1.0/{name}"), &flipped);
            let expected = if name == "BLAKE3SUMS" { "differs".to_owned() } else { format!("`{name}`") };
            space.run(&["verify"]).exits(3).prints(&expected);
        }
        space.write(&format!("outputs/0.1.0/{name}"), &bytes);
    }
    space.run(&["verify"]).succeeds();
}

#[test]
fn verify_tells_content_from_file() {
    let space = Space::built();
    let mut other = Space::new();
    other.edit("maqam = \"rast\"", "maqam = \"hijaz\"");
    other.build().succeeds();
    space.write("outputs/0.1.0/clips.parquet", other.read("outputs/0.1.0/clips.parquet"));
    space.run(&["verify"]).exits(3).prints("`clips.parquet`: content differs");
    // A table with its own sums beside it, but of other content than the lock's.
    other = Space::built();
    let readme = other.text("outputs/0.1.0/README.md");
    other.write("outputs/0.1.0/README.md", format!("{readme}\nmore"));
    other.run(&["verify"]).exits(3).prints("`README.md`: only the file differs");
}

#[test]
fn a_lock_edited_by_hand_is_noticed() {
    let space = Space::built();
    let lock = space.text("taqsim.lock");
    for (number, line) in
        lock.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty())
    {
        let edited = match line.rfind(|c: char| c.is_ascii_digit()) {
            Some(at) => format!(
                "{}{}{}",
                &line[..at],
                if line.as_bytes()[at] == b'1' { '2' } else { '1' },
                &line[at + 1..]
            ),
            None => continue,
        };
        space.write("taqsim.lock", lock.replacen(line, &edited, 1));
        assert_eq!(space.run(&["verify"]).code, 3, "line {}: {line}", number + 1);
    }
    space.write("taqsim.lock", format!("<<<<<<< ours\n{lock}"));
    space.run(&["verify"]).exits(3).says("merge conflict");
    space.write("taqsim.lock", b"\xff\xfe");
    assert_ne!(space.run(&["verify"]).code, 0);
}

#[test]
fn a_manifest_changed_without_a_build_is_noticed_without_sources_and_tables() {
    let edits = [
        ("maqam = \"rast\"", "maqam = \"hijaz\""),
        ("hop    = 0.5", "hop    = 0.25"),
        ("CC0-1.0", "CC-BY-4.0"),
        ("\"0-1.5\"", "\"0-1.4\""),
        ("version = \"0.1.0\"", "version = \"0.2.0\""),
        ("\"three\"", "\"drei\""),
    ];
    let space = Space::built();
    fs::remove_dir_all(space.path("sources")).unwrap();
    fs::remove_dir_all(space.path("outputs")).unwrap();
    let manifest = space.text("taqsim.toml");
    for (from, to) in edits {
        space.edit(from, to);
        space.run(&["verify"]).exits(3).prints("taqsim.toml");
        space.write("taqsim.toml", &manifest);
    }
    space.run(&["verify"]).succeeds();
}

#[test]
fn a_rebuild_proves_the_lock() {
    let space = Space::built();
    // A cache that lies: the lock is built from it, and only a rebuild can tell.
    let other = Space::new();
    other.write("sources/one.wav", space.read("sources/two.wav"));
    other.build().succeeds();
    let digest = |lock: &str| {
        let line = lock.lines().find(|line| line.contains("reduce/map.parquet")).unwrap();
        line.split('"').nth(3).unwrap().to_owned()
    };
    let lock = space.text("taqsim.lock");
    assert_ne!(digest(&lock), digest(&other.text("taqsim.lock")));
    fs::remove_file(space.path("sources/one.wav")).unwrap();
    space.run(&["verify", "--rebuild"]).exits(1).says("clip `one`");
}

#[test]
fn verify_speaks_to_programs() {
    let space = Space::built();
    space.write("sources/one.wav", space.read("sources/two.wav"));
    let answer = space.run(&["verify", "--format", "json"]).exits(3);
    let json: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(json["differences"][0], "source `sources/one.wav`: content differs");
    space.run(&["verify", "--format", "github"]).exits(3).prints("::error file=taqsim.lock");
}
