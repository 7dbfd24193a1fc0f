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
fn a_build_killed_at_any_moment_goes_on_to_the_same_release() {
    let expected = Space::built().published();
    let n_kills = if is_slow_suite_on() { 40 } else { 8 };
    let space = Space::new();
    for kill in 0..n_kills {
        let mut child = space.command(&["build"]).spawn().unwrap();
        // Not a wait for anything: only a way to die at another moment each time.
        std::thread::sleep(std::time::Duration::from_millis(kill * 160 / n_kills));
        let _ = child.kill();
        child.wait().unwrap();
        if kill % 4 == 3 {
            space.build().succeeds();
            assert_eq!(space.published(), expected, "after kill {kill}");
            for folder in ["cache", "outputs", "taqsim.lock"] {
                let path = space.path(folder);
                let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
            }
        }
    }
    space.build().succeeds();
    assert_eq!(space.published(), expected);
}

#[test]
fn an_old_cpu_changes_nothing() {
    let Ok(true) = Command::new("qemu-x86_64").arg("--version").output().map(|it| it.status.success()) else {
        eprintln!("skipped: qemu-x86_64 is absent (Debian: qemu-user)");
        return;
    };
    let here = Space::built();
    let there = Space::new();
    let build = there.command(&["build"]);
    let mut emulated = Command::new("qemu-x86_64");
    emulated.args(["-cpu", "Nehalem"]).arg(build.get_program()).args(build.get_args());
    emulated.current_dir(there.path(""));
    Answer::of(emulated.output().unwrap()).succeeds();
    assert_eq!(here.published(), there.published());
}

fn is_slow_suite_on() -> bool {
    std::env::var_os("TAQSIM_SLOW_TESTS").is_some_and(|value| value != "0")
}
