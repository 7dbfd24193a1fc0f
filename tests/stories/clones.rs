//! Working without the recordings, or without the cache, at hand.

use std::fs;

use crate::space::{N_PER_CLIP, N_TASKS, Space};

#[test]
fn a_label_can_be_changed_built_and_verified_without_the_recordings() {
    let space = Space::built();
    fs::remove_dir_all(space.path("sources")).unwrap();
    space.build().succeeds().ran(0);
    space.edit("maqam = \"rast\"", "maqam = \"hijaz\"");
    space.build().succeeds().ran(0);
    space.run(&["verify"]).succeeds().says("not checked").says("3 sources");
    space.run(&["verify", "--require", "sources"]).exits(1).prints("source `sources/one.wav`: absent");
}

#[test]
fn only_a_stale_step_that_has_to_read_an_absent_recording_fails() {
    let space = Space::built();
    fs::remove_file(space.path("sources/one.wav")).unwrap();
    // Embedding reads the master, which the cache has.
    space.edit("[embed.timbre.spectral]", "[embed.timbre.spectral]\nn_mfcc = 13");
    space.build().succeeds().ran(3 + 1);
    // Another loudness needs the recording.
    space.edit("[segment.windows", "[normalize]\nloudness = -20.0\n\n[segment.windows");
    space.build().exits(1).says("clip `one`").says("bring the recording back");
}

#[test]
fn a_fresh_clone_without_recordings_verifies_its_manifest() {
    let space = Space::built();
    for folder in ["sources", "cache", "outputs"] {
        fs::remove_dir_all(space.path(folder)).unwrap();
    }
    space.run(&["verify"]).succeeds().says("not checked");
    space.run(&["verify", "--require", "tables"]).exits(1).prints("clips.parquet");
    space.edit("maqam = \"rast\"", "maqam = \"hijaz\"");
    space.run(&["verify"]).exits(3).prints("one");
}

#[test]
fn without_a_cache_everything_runs_again_to_the_same_release() {
    let space = Space::built();
    let before = space.published();
    fs::remove_dir_all(space.path("cache")).unwrap();
    space.build().succeeds().ran(N_TASKS);
    assert_eq!(space.published(), before);
}

#[test]
fn without_its_values_the_cache_is_filled_as_far_as_needed() {
    let space = Space::built();
    let before = space.published();
    space.lose_values();
    fs::remove_dir_all(space.path("outputs")).unwrap();
    space.run(&["plan"]).succeeds().prints("remade");
    let answer = space.build().succeeds();
    assert!(answer.n_ran() <= N_TASKS && answer.n_ran() > 0);
    assert_eq!(space.published(), before);
}

#[test]
fn deleted_tables_are_written_again_without_running_anything() {
    let space = Space::built();
    let before = space.published();
    fs::remove_dir_all(space.path("outputs")).unwrap();
    space.build().succeeds().ran(0);
    assert_eq!(space.published(), before);
}

#[test]
fn the_cache_may_live_elsewhere() {
    let space = Space::new();
    let elsewhere = Space::empty();
    let cache = elsewhere.path("warm");
    let words = ["build", "--cache", cache.to_str().unwrap()];
    space.run(&words).succeeds().ran(N_TASKS);
    assert!(!space.path("cache").exists());
    space.edit("\"0-1.5\"", "\"0-1.4\"");
    space.run(&words).succeeds().ran(N_PER_CLIP + 2);
}
