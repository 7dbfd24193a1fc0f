//! What runs again after what, and what does not.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use crate::space::{MANIFEST, N_PER_CLIP, N_TASKS, Space, music};

#[test]
fn a_second_build_runs_nothing_and_writes_nothing() {
    let space = Space::built();
    let before = space.published();
    space.build().succeeds().ran(0).says("is up to date");
    assert_eq!(space.published(), before);
}

#[test]
fn a_touched_source_runs_nothing() {
    let space = Space::built();
    let later = SystemTime::now() + Duration::from_secs(60);
    File::options().write(true).open(space.path("sources/one.wav")).unwrap().set_modified(later).unwrap();
    space.build().succeeds().ran(0);
}

#[test]
fn sources_that_git_wrote_anew_run_nothing() {
    let space = Space::built();
    for name in ["sources/one.wav", "sources/two.wav", "taqsim.toml"] {
        let bytes = space.read(name);
        fs::remove_file(space.path(name)).unwrap();
        space.write(name, bytes);
    }
    space.build().succeeds().ran(0);
}

#[test]
fn a_moved_project_runs_nothing() {
    let space = Space::built();
    let moved = Space::empty();
    for name in ["taqsim.toml", "taqsim.lock", "sources", "cache", "outputs"] {
        fs::rename(space.path(name), moved.path(name)).unwrap();
    }
    moved.build().succeeds().ran(0);
}

#[test]
fn one_changed_source_reruns_its_clip_and_what_sees_the_whole_dataset() {
    let space = Space::built();
    space.write("sources/two.wav", music(3.0, 99));
    // Its windows lie where they lay: only its master and its rows are new, and what sees all clips.
    space.build().succeeds().ran(2 + 2);
}

#[test]
fn a_source_whose_size_and_mtime_were_restored_is_noticed() {
    let space = Space::built();
    let path = space.path("sources/one.wav");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    space.write("sources/one.wav", music(3.0, 98));
    File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    space.build().succeeds().ran(2 + 2);
}

#[test]
fn words_about_a_clip_run_no_task_but_change_the_tables() {
    let edits = [
        ("a label", "maqam = \"rast\"", "maqam = \"hijaz\""),
        ("a licence", "license = \"CC0-1.0\"", "license = \"CC-BY-4.0\""),
        ("an origin", "source  = \"sources/one.wav\"", "source  = \"sources/one.wav\"\norigin  = \"a tape\""),
        ("a clip's id", "\"three\"", "\"drei\""),
        ("a range's label", "section = \"development\"", "section = \"intro\""),
        (
            "the dataset's authors",
            "license = \"CC-BY-4.0\"\n\n",
            "license = \"CC-BY-4.0\"\nauthors = [\"E\"]\n\n",
        ),
    ];
    for (what, from, to) in edits {
        let space = Space::built();
        let before = space.published();
        space.edit(from, to);
        assert_eq!(space.build().succeeds().n_ran(), 0, "{what}");
        assert_ne!(space.published(), before, "{what}");
    }
}

#[test]
fn renaming_a_step_runs_nothing() {
    let space = Space::built();
    space.edit("[embed.timbre.spectral]", "[embed.colour.spectral]");
    space.edit("of = \"timbre\"", "of = \"colour\"");
    space.build().succeeds().ran(0);
    assert!(space.path("outputs/0.1.0/embed/colour.parquet").exists());
    assert!(!space.path("outputs/0.1.0/embed/timbre.parquet").exists());
}

#[test]
fn a_moved_source_runs_nothing() {
    let space = Space::built();
    fs::rename(space.path("sources/one.wav"), space.path("sources/uno.wav")).unwrap();
    space.edit("sources/one.wav", "sources/uno.wav");
    space.build().succeeds().ran(0);
}

#[test]
fn a_changed_parameter_reruns_its_step_and_what_hangs_on_it() {
    let cases = [
        ("[embed.timbre.spectral]", "[embed.timbre.spectral]\nn_mfcc = 13", 3 + 1),
        ("[reduce.map.pca]", "[reduce.map.pca]\ndims = 3", 1),
        ("hop    = 0.5", "hop    = 0.25", 3 + 3 + 1),
        ("[segment.windows", "[normalize]\nloudness = -20.0\n\n[segment.windows", 3 + 3 + 1),
    ];
    for (from, to, n) in cases {
        let space = Space::built();
        space.edit(from, to);
        assert_eq!(space.build().succeeds().n_ran(), n, "{to}");
    }
}

#[test]
fn a_stage_whose_output_did_not_change_stops_the_rebuild() {
    let space = Space::built();
    // The same windows, asked for with other words: 3 tasks run, and nothing after them.
    space.edit("length = 1.0", "length = 1.000001");
    space.build().succeeds().ran(3);
}

#[test]
fn an_edited_range_reruns_its_clip_alone() {
    let space = Space::built();
    space.edit("\"0-1.5\"", "\"0-1.4\"");
    // And the two steps that see all clips.
    space.build().succeeds().ran(N_PER_CLIP + 2);
}

#[test]
fn an_undone_edit_recalls_everything() {
    let space = Space::built();
    let before = space.published();
    space.edit("[embed.timbre.spectral]", "[embed.timbre.spectral]\nn_mfcc = 13");
    space.build().succeeds();
    assert_ne!(space.published(), before);
    space.write("taqsim.toml", MANIFEST);
    space.build().succeeds().ran(0);
    assert_eq!(space.published(), before);
}

#[test]
fn a_parameter_written_out_at_its_default_runs_nothing() {
    let space = Space::built();
    let before = space.read("taqsim.lock");
    space.edit("[embed.timbre.spectral]", "[embed.timbre.spectral]\nn_mfcc = 20\nroll_percent = 0.85");
    space.edit("[segment.windows", "[normalize]\nsample_rate = 44100\ntrue_peak = -1.0\n\n[segment.windows");
    space.build().succeeds().ran(0);
    assert_eq!(space.read("taqsim.lock"), before);
}

#[test]
fn a_label_that_a_parameter_asks_for_is_in_the_recipe_and_no_other_label_is() {
    let space = Space::new();
    space.edit("artist  = \"text\"", "artist  = \"text\"\ntonic_hz = \"number\"");
    space.edit("artist = \"B\"", "artist = \"B\", tonic_hz = 110.0");
    space.edit(
        "[reduce.map.pca]",
        "[embed.maqam.pitch]\nof = \"windows\"\ntonic = { label = \"tonic_hz\" }\n\n[reduce.map.pca]",
    );
    space.build().succeeds();
    space.edit("tonic_hz = 110.0", "tonic_hz = 146.8");
    space.run(&["plan"]).succeeds().prints("`tonic`: 110.0 -> 146.8");
    space.build().succeeds().ran(1);
    space.edit("artist = \"B\"", "artist = \"C\"");
    space.build().succeeds().ran(0);
}

#[test]
fn two_clips_of_one_source_share_their_work() {
    let space = Space::built();
    let again = "\n[[clip]]\nid = \"again\"\nsource = \"sources/one.wav\"\nlicense = \"CC-BY-4.0\"\n";
    space.write("taqsim.toml", format!("{MANIFEST}{again}"));
    // Only the reduction sees that there are more rows.
    space.build().succeeds().ran(1);
}

#[test]
fn what_the_plan_says_is_what_the_build_does() {
    let edits: [&dyn Fn(&Space); 6] = [
        &|_| {},
        &|space| space.write("sources/two.wav", music(3.0, 97)),
        &|space| space.edit("hop    = 0.5", "hop    = 0.25"),
        &|space| space.edit("length = 1.0", "length = 1.000001"),
        &|space| space.edit("maqam = \"rast\"", "maqam = \"hijaz\""),
        &|space| {
            space.lose_values();
            space.edit("[embed.timbre.spectral]", "[embed.timbre.spectral]\nn_mfcc = 13");
        },
    ];
    for (number, edit) in edits.iter().enumerate() {
        let space = Space::built();
        edit(&space);
        let plan: serde_json::Value =
            serde_json::from_str(&space.run(&["plan", "--format", "json"]).succeeds().stdout).unwrap();
        let count = |word: &str| plan["counts"][word].as_u64().unwrap() as usize;
        let (stale, may_run) = (count("stale"), count("stale") + count("waiting") + count("remade"));
        let n_ran = space.build().succeeds().n_ran();
        assert!(stale <= n_ran && n_ran <= may_run, "edit {number}: {stale} <= {n_ran} <= {may_run}");
    }
}

#[test]
fn a_selection_warms_the_cache_and_leaves_draft_and_lock_alone() {
    let space = Space::new();
    space.run(&["build", "--clip", "t*"]).succeeds().ran(2 * N_PER_CLIP).says("no tables written");
    assert!(!space.path("taqsim.lock").exists() && !space.path("outputs").exists());
    space.run(&["build", "--step", "segment.windows"]).succeeds().ran(2);
    space.build().succeeds().ran(N_TASKS - 2 * N_PER_CLIP - 2);
}

#[test]
fn a_locked_build_writes_nothing_that_the_lock_does_not_know() {
    let space = Space::built();
    space.run(&["build", "--locked"]).succeeds();
    let before = space.published();
    space.edit("maqam = \"rast\"", "maqam = \"hijaz\"");
    space.run(&["build", "--locked"]).exits(3).says("`--locked`").says("one");
    assert_eq!(space.published(), before);
}

#[test]
fn a_damaged_value_in_the_cache_is_made_again() {
    let space = Space::built();
    let before = space.published();
    for folder in ["cache/masters", "cache/packs"] {
        for (name, mut bytes) in space.files(folder) {
            bytes.iter_mut().step_by(50).for_each(|byte| *byte ^= 1);
            space.write(&format!("{folder}/{name}"), bytes);
        }
    }
    space.edit("[embed.timbre.spectral]", "[embed.timbre.spectral]\nn_mfcc = 13");
    space.build().succeeds().says("making it again");
    space.write("taqsim.toml", MANIFEST);
    space.build().succeeds();
    assert_eq!(space.published(), before);
}
