//! The same manifest and sources give the same release, whatever else is different.

use std::process::Command;

use crate::space::{Answer, Space};

#[test]
fn the_number_of_threads_changes_nothing() {
    let one = Space::new();
    one.run(&["build", "--jobs", "1"]).succeeds();
    let many = Space::new();
    many.run(&["build", "--jobs", "7"]).succeeds();
    assert_eq!(one.published(), many.published());
}

#[test]
fn folder_locale_time_zone_and_environment_change_nothing() {
    let here = Space::built();
    let there = Space::new();
    let mut command = there.command(&["build"]);
    command.env_clear().env("LC_ALL", "tr_TR.UTF-8").env("LANG", "ar_EG.UTF-8").env("TZ", "Asia/Baghdad");
    command.env("RAYON_NUM_THREADS", "3").env("HOME", "/nonexistent");
    Answer::of(command.output().unwrap()).succeeds();
    assert_eq!(here.published(), there.published());
}

#[test]
fn an_old_cpu_changes_nothing() {
    let Ok(true) = Command::new("qemu-x86_64").arg("--version").output().map(|it| it.status.success()) else {
        eprintln!("skipped: qemu-x86_64 is absent (Debian: qemu-user)");
        return;
    };
    let here = with_opus();
    here.build().succeeds();
    let there = with_opus();
    let build = there.command(&["build"]);
    let mut emulated = Command::new("qemu-x86_64");
    emulated.args(["-cpu", "Nehalem"]).arg(build.get_program()).args(build.get_args());
    emulated.current_dir(there.path(""));
    Answer::of(emulated.output().unwrap()).succeeds();
    assert_eq!(here.published(), there.published());
}

/// A project with a clip whose source is Opus, for which every CPU could have a code path of its own.
fn with_opus() -> Space {
    let space = Space::new();
    space.write("sources/one.opus", include_bytes!("../fixtures/audio/chirp.opus"));
    space.edit("sources/one.wav", "sources/one.opus");
    space
}
