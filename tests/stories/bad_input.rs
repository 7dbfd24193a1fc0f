//! Bad input gives one clear error each, the right exit code, and loses nothing.

use std::fs;

use crate::space::{MANIFEST, Space, float_wav, music, wav};

/// A source that cannot be built, and words that must be said of it.
#[track_caller]
fn a_bad_source(bytes: &[u8], name: &str, expected: &[&str]) {
    let space = Space::built();
    let before = space.published();
    space.write(&format!("sources/{name}"), bytes);
    let clip = format!("\n[[clip]]\nid = \"bad\"\nsource = \"sources/{name}\"\nlicense = \"CC0-1.0\"\n");
    space.write("taqsim.toml", format!("{MANIFEST}{clip}"));
    let mut answer = space.build().exits(1).says("clip `bad`").says("no tables written");
    for words in expected {
        answer = answer.says(words);
    }
    assert_eq!(answer.stderr.matches("error:").count(), 1, "one clip, one error:\n{}", answer.stderr);
    assert_eq!(space.published(), before, "what was there is lost");
    // The others go on without it, if that is what the user wants; the lock says who is missing.
    space.run(&["build", "--allow-failed"]).succeeds().says("4 clips").says("1 failed");
    let lock = space.text("taqsim.lock");
    assert!(lock.contains("[failed]") && lock.contains("\"bad\" ="), "{lock}");
    space.run(&["verify", "--rebuild"]).succeeds();
}

#[test]
fn an_empty_file() {
    a_bad_source(b"", "bad.wav", &["empty"]);
}

#[test]
fn a_truncated_file() {
    let whole = music(2.0, 1);
    a_bad_source(&whole[..whole.len() / 2], "bad.wav", &["ends"]);
}

#[test]
fn text_renamed_to_mp3() {
    a_bad_source("this is no music\n".repeat(100).as_bytes(), "bad.mp3", &["not audio"]);
}

#[test]
fn samples_that_are_no_numbers() {
    let mut samples = vec![0.1f32; 44_100];
    samples[22_050] = f32::NAN;
    a_bad_source(&float_wav(44_100, 1, &samples), "bad.wav", &["0:00.5"]);
}

#[test]
fn nothing_but_silence_stops_nobody() {
    let space = Space::new();
    space.write("sources/one.wav", wav(44_100, 1, &[0; 132_300]));
    space.build().succeeds().says("clip `one` is left out: `silence` is 1");
}

#[test]
fn a_range_past_the_end() {
    let space = Space::new();
    space.edit("\"1.5-3\"", "\"1.5-3.5\"");
    space.build().exits(1).says("clip `two`").says("3.5").says("0:03");
    assert!(!space.path("taqsim.lock").exists());
}

#[test]
fn telephone_audio_and_surround_are_built() {
    let space = Space::new();
    let telephone: Vec<i16> = (0..16_000).map(|n| ((n * n) % 7_919) as i16).collect();
    space.write("sources/one.wav", wav(8_000, 1, &telephone));
    let surround: Vec<i16> = (0..6 * 44_100).map(|n| ((n % 6) * (n / 6 % 101)) as i16).collect();
    space.write("sources/three.wav", wav(44_100, 6, &surround));
    space.build().succeeds();
}

#[test]
fn what_is_wrong_with_a_manifest_is_said_with_its_place() {
    let clip = "\n[[clip]]\nid = \"one\"\nsource = \"sources/three.wav\"\nlicense = \"CC0-1.0\"\n";
    let cases: [(&str, String, &str); 9] = [
        ("zero-length range", MANIFEST.replace("\"0-1.5\"", "\"1-1\""), "range"),
        ("reversed range", MANIFEST.replace("\"0-1.5\"", "\"1.5-0\""), "range"),
        ("overlapping ranges", MANIFEST.replace("\"0-1.5\"", "\"0-2\""), "overlap"),
        ("ranges in the wrong order", MANIFEST.replace("\"0-1.5\"", "\"4-5\""), "range"),
        ("two clips with one id", format!("{MANIFEST}{clip}"), "two clips"),
        ("unknown licence", MANIFEST.replace("CC0-1.0", "CC-0"), "licence"),
        ("no clips", MANIFEST[..MANIFEST.find("[[clip]]").unwrap()].to_owned(), "no clips"),
        ("a path out of the folder", MANIFEST.replace("sources/one.wav", "../one.wav"), "../one.wav"),
        ("an absolute path", MANIFEST.replace("sources/one.wav", "/etc/passwd"), "/etc/passwd"),
    ];
    for (what, manifest, expected) in cases {
        let space = Space::built();
        let before = space.published();
        space.write("taqsim.toml", manifest);
        let answer = space.build().exits(2).says("--> taqsim.toml").says(expected);
        assert!(answer.stderr.contains("error[T"), "{what}");
        assert_eq!(space.published(), before, "{what}");
    }
}

#[test]
fn a_manifest_that_is_not_utf_8() {
    let space = Space::built();
    let mut bytes = MANIFEST.as_bytes().to_vec();
    bytes[20] = 0xff;
    space.write("taqsim.toml", bytes);
    space.build().exits(2).says("UTF-8").says("taqsim.toml:2");
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_out_of_the_folder_is_not_followed() {
    let space = Space::new();
    let outside = Space::empty();
    outside.write("secret.wav", music(1.0, 9));
    fs::remove_file(space.path("sources/one.wav")).unwrap();
    std::os::unix::fs::symlink(outside.path("secret.wav"), space.path("sources/one.wav")).unwrap();
    space.build().exits(1).says("clip `one`").says("leads out").says("--root");
    let root = outside.path("");
    space.run(&["build", "--root", root.to_str().unwrap()]).succeeds();
}

#[test]
fn a_folder_in_place_of_a_source() {
    let space = Space::new();
    fs::remove_file(space.path("sources/one.wav")).unwrap();
    fs::create_dir(space.path("sources/one.wav")).unwrap();
    space.build().exits(1).says("clip `one`").says("not a regular file");
}

#[test]
fn more_clusters_than_segments() {
    let space = Space::new();
    space.edit("[reduce.map.pca]", "[reduce.map.kmeans]\nk = 1000");
    space.build().exits(1).says("reduce.map").says("1000");
    assert!(!space.path("taqsim.lock").exists());
}

#[test]
fn a_missing_source_fails_its_clip_alone() {
    let space = Space::new();
    fs::remove_file(space.path("sources/one.wav")).unwrap();
    space.build().exits(1).says("clip `one`").says("no such file").says("6 ran");
}

#[test]
fn hostile_names_cannot_paint_the_terminal() {
    let space = Space::new();
    space.edit("artist = \"A\", maqam = \"rast\"", "artist = \"\\u001b[31mred\\u202e\", maqam = \"rast\"");
    for words in [&["check"][..], &["build"], &["ls"], &["plan"]] {
        let answer = space.run(words);
        assert!(!answer.stderr.contains(['\u{1b}', '\u{202e}']), "{words:?}: {}", answer.stderr);
        assert!(!answer.stdout.contains(['\u{1b}', '\u{202e}']), "{words:?}: {}", answer.stdout);
    }
}

#[test]
fn a_log_full_of_nonsense_costs_time_only() {
    let space = Space::built();
    let before = space.published();
    fs::remove_file(space.path("cache/snapshot")).unwrap();
    let log = space.read("cache/log/00000001.log");
    for (bytes, complaint) in [
        ([&log[..], b"what is this?\n"].concat(), "14 bytes of the cache's log made no sense"),
        (b"what is this?\n".to_vec(), "`00000001.log` is of another version of taqsim"),
    ] {
        space.write("cache/log/00000001.log", bytes);
        space.edit("maqam = \"rast\"", "maqam = \"hijaz\"");
        space.build().succeeds().says(complaint);
        space.write("taqsim.toml", MANIFEST);
        space.build().succeeds();
        assert!(space.published() == before, "{complaint}");
    }
}
