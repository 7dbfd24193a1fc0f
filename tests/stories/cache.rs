//! The cache: what is in it, what is damaged in it, and what nobody needs of it any more.

use std::fs;
use std::path::{Path, PathBuf};

use crate::space::{MANIFEST, N_TASKS, Space, music};

/// All files of the cache, with their sizes.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path(), entry.metadata().unwrap().len()));
        }
    }
    found.sort();
    found
}

fn n_bytes(space: &Space, folder: &str) -> u64 {
    files(&space.path(folder)).iter().map(|(_, n)| n).sum()
}

#[test]
fn small_values_share_files_and_masters_have_their_own() {
    let space = Space::built();
    let packed: Vec<_> = files(&space.path("cache/packs"));
    assert_eq!(packed.len(), 1);
    let masters = files(&space.path("cache/masters"));
    assert_eq!(masters.len(), 3);
    for (master, _) in masters {
        assert!(fs::read(&master).unwrap().starts_with(b"RIFF"), "a player opens it");
    }
    let answer = space.run(&["cache"]).succeeds();
    for words in ["log/", "packs/", "masters/", "3  normalized audio", "snapshot"] {
        assert!(answer.stdout.contains(words), "{words}: {}", answer.stdout);
    }
    space.run(&["cache", "--check"]).succeeds().says("as they were kept");
}

#[test]
fn a_check_of_the_cache_finds_every_flipped_byte() {
    for folder in ["cache/packs", "cache/masters"] {
        let space = Space::built();
        let before = space.published();
        let (path, n_bytes) = files(&space.path(folder)).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        bytes[n_bytes as usize / 2] ^= 1;
        fs::write(&path, bytes).unwrap();
        space.run(&["cache", "--check"]).exits(3).says("1 damaged");
        fs::remove_dir_all(space.path("outputs")).unwrap();
        space.build().succeeds();
        assert!(space.published() == before);
    }
}

#[test]
fn gc_frees_what_an_edit_left_behind_and_only_when_it_is_told_to() {
    let space = Space::built();
    space.run(&["gc"]).succeeds().prints("Nothing to free");
    space.write("sources/one.wav", music(3.0, 77));
    space.edit("hop    = 0.5", "hop    = 0.25");
    space.build().succeeds();
    let before = space.published();
    let values = || n_bytes(&space, "cache/packs") + n_bytes(&space, "cache/masters");
    let n_before = values();
    space.run(&["gc"]).succeeds().prints("Would free").prints("1 master\n");
    assert_eq!(values(), n_before);
    space.run(&["gc", "--keep-days", "1"]).succeeds().prints("Nothing to free");
    space.run(&["gc", "--yes"]).succeeds().prints("Freed");
    assert!(values() < n_before);
    space.run(&["gc"]).succeeds().prints("Nothing to free");
    space.run(&["cache", "--check"]).succeeds();

    space.build().succeeds().ran(0);
    fs::remove_dir_all(space.path("outputs")).unwrap();
    space.build().succeeds().ran(0);
    assert!(space.published() == before);
}

#[test]
fn gc_keeps_what_the_lock_and_frozen_versions_were_made_of() {
    let space = Space::built();
    space.run(&["release"]).succeeds();
    space.edit("version = \"0.1.0\"", "version = \"0.2.0\"");
    space.edit("hop    = 0.5", "hop    = 0.25");
    space.build().succeeds();
    // Edited, but not built: what the lock was made of is needed to undo it.
    space.edit("length = 1.0", "length = 1.5");
    space.run(&["gc", "--yes"]).succeeds();
    space.edit("length = 1.5", "length = 1.0");
    space.build().succeeds().ran(0);
    space.write("taqsim.toml", MANIFEST);
    space.build().succeeds().ran(0);
}

#[test]
fn gc_makes_the_cache_as_small_as_it_is_told_to() {
    let space = Space::built();
    let before = space.published();
    space.run(&["gc", "--yes", "--max-size", "0"]).succeeds().prints("3 needed masters");
    assert_eq!(n_bytes(&space, "cache/masters"), 0);
    space.edit("maqam = \"rast\"", "maqam = \"hijaz\"");
    space.build().succeeds().ran(0);
    space.write("taqsim.toml", MANIFEST);
    space.build().succeeds().ran(0);
    assert!(space.published() == before);
    space.edit("[embed.timbre.spectral]", "[embed.timbre.spectral]\nn_mfcc = 13");
    space.run(&["plan"]).succeeds().prints("remade");
    space.build().succeeds();
    space.run(&["gc", "--max-size", "plenty"]).exits(2).says("is no size");
}

#[test]
fn gc_removes_what_a_killed_build_left_half_written() {
    let space = Space::built();
    let stray = files(&space.path("cache/masters")).remove(0).0.with_file_name(".new-abc.wav");
    fs::write(&stray, "RIFF").unwrap();
    space.write("cache/.new-xyz", "half a snapshot");
    space.run(&["gc"]).succeeds().prints("2 unfinished files");
    space.run(&["gc", "--yes"]).succeeds();
    assert!(!stray.exists() && !space.path("cache/.new-xyz").exists());
}

#[test]
fn a_cache_of_a_later_taqsim_is_not_collected() {
    let space = Space::built();
    space.write("cache/log/00000009.log", "taqsim log 9\nwho knows\n");
    space.run(&["gc", "--yes"]).exits(1).says("another version of taqsim");
    fs::remove_file(space.path("cache/snapshot")).unwrap();
    space.build().succeeds().ran(0).says("left alone");
    assert!(space.path("cache/log/00000009.log").exists());
}

#[cfg(unix)]
#[test]
fn a_cache_that_may_not_be_written_says_so_and_another_one_can_be_named() {
    use std::os::unix::fs::PermissionsExt;
    let space = Space::new();
    let cache = space.path("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(cache.join("probe"), "").is_ok() {
        // Whoever may do everything cannot be kept out.
        return;
    }
    space.build().exits(1).says("cannot write `").says("--cache");
    space.run(&["build", "--cache", "elsewhere"]).succeeds().ran(N_TASKS);
}
