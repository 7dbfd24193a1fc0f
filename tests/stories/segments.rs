//! Cutting by hand with the detector's help: from cuts to ranges, by way of a label track or not.

use crate::space::{Answer, Space, wav};

const RATE: u32 = 22_050;

/// Four phrases of eight plucks, each followed by more than a second in which the strings die away.
fn phrased() -> Vec<u8> {
    let mut samples = vec![0.0; 15 * RATE as usize];
    for pluck in 0..32 {
        let start = (f64::from(pluck) * 0.25 + f64::from(pluck / 8) * 1.5 + 0.1) * f64::from(RATE);
        let hz = 220.0 * 2f64.powf(f64::from(pluck % 5) / 6.0);
        for (i, sample) in samples[start as usize..].iter_mut().take(RATE as usize).enumerate() {
            let t = i as f64 / f64::from(RATE);
            *sample += (-4.0 * t).exp() * (std::f64::consts::TAU * hz * t).sin();
        }
    }
    wav(RATE, 1, &samples.iter().map(|sample| (sample * 6000.0) as i16).collect::<Vec<_>>())
}

/// A project whose clip `one` has four phrases, at a rate that is not the master's.
fn space() -> Space {
    let space = Space::new();
    space.write("sources/one.wav", phrased());
    space.edit("[embed.timbre", "[segment.phrases.breath]\nmin_length = 2.0\n\n[embed.timbre");
    space
}

fn json(answer: &Answer) -> Vec<(f64, f64)> {
    let value: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(value["schema_version"], "1.0");
    let segments = value["segments"].as_array().unwrap();
    segments.iter().map(|it| (it["start_s"].as_f64().unwrap(), it["end_s"].as_f64().unwrap())).collect()
}

#[test]
fn cuts_are_shown_on_a_waveform_and_become_ranges_that_give_the_same_segments() {
    let space = space();
    let answer = space.run(&["segments", "one", "--step", "phrases"]).succeeds();
    assert!(
        answer.stderr.contains("one: 4 segments of `phrases`") && answer.stderr.contains("└4"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stdout.starts_with("ranges = [\n") && answer.stdout.contains("sure of its start"),
        "{}",
        answer.stdout
    );
    let found = json(&space.run(&["segments", "one", "--step", "phrases", "--format", "json"]).succeeds());
    assert_eq!(found.len(), 4);

    space.edit("labels  = { artist = \"A\", maqam = \"rast\" }", &answer.stdout);
    space.edit("[segment.phrases", "[segment.drawn.ranges]\n\n[segment.phrases");
    space.run(&["check"]).succeeds();
    let pasted = json(&space.run(&["segments", "one", "--step", "drawn", "--format", "json"]).succeeds());
    assert_eq!(pasted.len(), found.len());
    for (pasted, found) in pasted.iter().zip(&found) {
        // A frame of the source, 45 µs.
        assert!(
            (pasted.0 - found.0).abs() < 5e-5 && (pasted.1 - found.1).abs() < 5e-5,
            "{pasted:?} {found:?}"
        );
    }
    // What is written of ranges is what they are.
    let again = space.run(&["segments", "one", "--step", "drawn"]).succeeds();
    let ranges = |text: &str| {
        text.lines().filter_map(|line| line.split('"').nth(1).map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(ranges(&again.stdout), ranges(&answer.stdout));
}

#[test]
fn a_label_track_goes_out_and_comes_back_corrected_and_named() {
    let space = space();
    let ranges = space.run(&["segments", "one", "--step", "phrases"]).succeeds().stdout;
    space
        .run(&["segments", "one", "--step", "phrases", "--labels", "one.txt"])
        .succeeds()
        .says("wrote 4 labels");
    let track = space.text("one.txt");
    assert_eq!(track.lines().count(), 4);
    assert!(
        track.starts_with("0.000000\t3.") && track.lines().all(|line| line.split('\t').count() == 3),
        "{track}"
    );
    let back = space.run(&["segments", "one", "--from", "one.txt"]).succeeds().stdout;
    let times = |text: &str| {
        text.lines().filter_map(|line| line.split('"').nth(1).map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(times(&back), times(&ranges));

    // What somebody did by hand is not overwritten.
    space
        .run(&["segments", "one", "--step", "phrases", "--labels", "one.txt"])
        .exits(1)
        .says("never overwritten");
    assert_eq!(space.text("one.txt"), track);

    space.write("one.txt", "0.5\t3,25\tintro\n3.25\t7\tdevelopment\n\\\t100.0\t900.0\n4\t4\t\n");
    let named = space.run(&["segments", "one", "--from", "one.txt", "--as", "section"]).succeeds();
    let want = "ranges = [
  { at = \"0:00.5-0:03.25\", section = \"intro\" },      # 1: 2.8 s
  { at = \"0:03.25-0:04\", section = \"development\" },  # 2: 0.8 s
  \"0:04-0:07\",                                       # 3: 3.0 s
]
";
    assert_eq!(named.stdout, want, "{}", named.stdout);
    space.edit("labels  = { artist = \"A\", maqam = \"rast\" }", &named.stdout);
    space.run(&["check"]).succeeds();
}

#[test]
fn a_bad_label_track_names_its_lines_and_prints_nothing() {
    let space = space();
    space.write("bad.txt", "0\t1\tintro\n1\t2\tintrot\nnan\t3\tx\n\u{1b}[2J\t4\n");
    let answer = space.run(&["segments", "one", "--from", "bad.txt", "--as", "section"]).exits(1);
    for words in
        ["line 3: `nan` is no time", "line 4: `\\u{1b}[2J` is no time", "2 lines of it made no sense"]
    {
        assert!(answer.stderr.contains(words), "{words}: {}", answer.stderr);
    }
    assert_eq!(answer.stdout, "");
    space.write("bad.txt", "0\t1\tintro\n1\t2\tintrot\n");
    let names = ["segments", "one", "--from", "bad.txt", "--as", "section"];
    space.run(&names).exits(1).says("line 2: `introt` is no section, which is development, intro");
    space.write("bad.txt", vec![b'x'; (1 << 24) + 1]);
    space.run(&["segments", "one", "--from", "bad.txt"]).exits(1).says("more than 16 MiB");
    space.run(&["segments", "one", "--from", "none.txt"]).exits(1).says("none.txt");
    space
        .run(&["segments", "one", "--from", "bad.txt", "--as", "mood"])
        .exits(2)
        .says("`mood`")
        .says("maqam");
}

#[test]
fn ranges_keep_their_labels_when_they_are_cut() {
    let space = space();
    let sound: Vec<i16> =
        (0..3 * RATE).map(|i| if (i / 50).is_multiple_of(2) { 3000 } else { -3000 }).collect();
    space.write("sources/two.wav", wav(RATE, 1, &sound));
    space.edit("[embed.timbre", "[segment.halves.sliding]\nlength = 0.75\nhop = 0.75\n\n[embed.timbre");
    let cut = space.run(&["segments", "two", "--step", "halves"]).succeeds();
    assert!(cut.stdout.contains("\"0:00.75-0:01.5\","), "{}", cut.stdout);
    assert!(cut.stdout.contains("{ at = \"0:02.25-0:03\", section = \"development\" },"), "{}", cut.stdout);
    space.write("two.txt", "0\t1\t\n1\t2\t\n2\t3\t\n");
    let read = space.run(&["segments", "two", "--from", "two.txt"]).succeeds();
    assert!(read.stdout.contains("{ at = \"0:02-0:03\", section = \"development\" },"), "{}", read.stdout);
    read.says("0:01-0:02 lies in no one range of the clip");
}

#[test]
fn the_picture_keeps_to_the_width_and_is_plain_where_nobody_wants_colour() {
    let space = space();
    let with = |words: &[&str], columns: &str| {
        let words = [&["segments", "one", "--step", "phrases"], words].concat();
        Answer::of(space.command(&words).env("COLUMNS", columns).output().unwrap()).succeeds()
    };
    with(&[], "80");
    for columns in ["30", "77", "200"] {
        let plain = with(&[], columns).stderr;
        assert!(plain.lines().all(|line| line.chars().count() <= columns.parse().unwrap()), "{plain}");
        assert!(plain.contains('█') && !plain.contains('\u{1b}'), "{plain}");
    }
    assert!(with(&["--color", "always"], "80").stderr.contains("\u{1b}[36m"));
    let quiet = with(&["--quiet"], "80");
    assert!(quiet.stderr.is_empty() && quiet.stdout.starts_with("ranges"), "{}", quiet.stderr);
}

#[test]
fn segments_asks_which_step_is_meant_and_says_what_is_not_there() {
    let space = space();
    space.run(&["segments", "one"]).exits(2).says("name one with --step: phrases, windows");
    space.run(&["segments", "none", "--step", "phrases"]).exits(2).says("no clip is called `none`");
    space
        .run(&["segments", "one", "--step", "breath"])
        .exits(2)
        .says("the segment steps are phrases, windows");
    let windows = space.run(&["segments", "one", "--step", "segment.windows"]).succeeds();
    assert_eq!(windows.stdout, "");
    windows.says("overlaps");
    std::fs::remove_file(space.path("sources/three.wav")).unwrap();
    space.run(&["segments", "three", "--step", "phrases"]).exits(1).says("sources/three.wav");
}

#[test]
fn a_clip_without_ranges_has_no_segments_of_ranges_and_one_of_whole() {
    let space = space();
    space.edit("[embed.timbre", "[segment.all.whole]\n\n[segment.drawn.ranges]\n\n[embed.timbre");
    let n = |clip: &str, step: &str| {
        json(&space.run(&["segments", clip, "--step", step, "--format", "json"]).succeeds()).len()
    };
    assert_eq!((n("one", "all"), n("one", "drawn")), (1, 0));
    assert_eq!((n("two", "all"), n("two", "drawn")), (2, 2));
    let nothing = space.run(&["segments", "one", "--step", "drawn"]).succeeds();
    assert_eq!(nothing.stdout, "");
    nothing.says("0 segments");
    space.build().succeeds();
}
