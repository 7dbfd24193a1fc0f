//! What differs between two locks, in words.

use std::collections::{BTreeMap, BTreeSet};

use super::lock::{ClipLine, Lock};
use crate::text::printable;

impl Lock {
    /// What changed from this lock to `other`, a sentence each: dataset, clips, steps, tables, frozen versions.
    ///
    /// Empty exactly when they say the same but for taqsim's own version.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut words = Vec::new();
        if self.name != other.name {
            words.push(format!(
                "the dataset's name changed from {} to {}",
                tick(&self.name),
                tick(&other.name)
            ));
        }
        if self.version != other.version {
            words.push(format!(
                "the version changed from {} to {}",
                tick(&self.version),
                tick(&other.version)
            ));
        }
        if self.settings != other.settings {
            words.push("the settings changed".to_owned());
        }
        compare(&mut words, "clip", &self.clips, &other.clips, clip_words);
        compare(&mut words, "file", &self.files, &other.files, |_, _| "changed".to_owned());
        compare(&mut words, "weights", &self.weights, &other.weights, |_, _| "changed".to_owned());
        compare(&mut words, "step", &self.steps, &other.steps, |_, _| {
            "changed its kind or version".to_owned()
        });
        compare(&mut words, "table", &self.tables, &other.tables, |_, _| "differs".to_owned());
        failures(&mut words, &self.failed, &other.failed);
        releases(&mut words, self, other);
        words
    }
}

fn clip_words(clip: &ClipLine, other: &ClipLine) -> String {
    match (clip.entry == other.entry, clip.source == other.source) {
        (true, _) => "its source changed".to_owned(),
        (false, true) => "its entry changed".to_owned(),
        (false, false) => "its entry and its source changed".to_owned(),
    }
}

fn compare<V: PartialEq>(
    words: &mut Vec<String>,
    what: &str,
    from: &BTreeMap<String, V>,
    to: &BTreeMap<String, V>,
    changed: impl Fn(&V, &V) -> String,
) {
    if from == to {
        return;
    }
    for name in from.keys().chain(to.keys()).collect::<BTreeSet<_>>() {
        let how = match (from.get(name), to.get(name)) {
            (Some(from), Some(to)) if from == to => continue,
            (Some(from), Some(to)) => changed(from, to),
            (None, _) => "is new".to_owned(),
            (_, None) => "is gone".to_owned(),
        };
        let colon = if how.starts_with("its") { ":" } else { "" };
        words.push(format!("{what} {}{colon} {how}", tick(name)));
    }
}

fn failures(words: &mut Vec<String>, from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) {
    for clip in from.keys().chain(to.keys()).collect::<BTreeSet<_>>() {
        match (from.get(clip), to.get(clip)) {
            (Some(from), Some(to)) if from == to => {}
            (_, Some(reason)) => words.push(format!("clip {} failed: {}", tick(clip), printable(reason))),
            (_, None) => words.push(format!("clip {} no longer fails", tick(clip))),
        }
    }
}

fn releases(words: &mut Vec<String>, from: &Lock, to: &Lock) {
    let by_version = |lock: &Lock| {
        lock.released.iter().map(|released| (released.version.clone(), released.digest)).collect()
    };
    let frozen: (BTreeMap<_, _>, BTreeMap<_, _>) = (by_version(from), by_version(to));
    let before = words.len();
    compare(words, "released version", &frozen.0, &frozen.1, |_, _| "differs".to_owned());
    if words.len() == before && from.released != to.released {
        words.push("the released versions are in another order".to_owned());
    }
}

fn tick(name: &str) -> String {
    format!("`{}`", printable(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fixture;
    use crate::release::{Released, TableLine};
    use crate::store::Digest;

    #[test]
    fn every_kind_of_difference_has_its_words() {
        let other = Digest::of(b"other");
        let table = TableLine { digest: other, rows: 1 };
        let released = Released { version: "0.0.9".into(), digest: other };
        type Edit = Box<dyn Fn(&mut Lock)>;
        let cases: Vec<(Edit, &str)> = vec![
            (Box::new(|lock| lock.name = "x".into()), "the dataset's name changed from `oud` to `x`"),
            (Box::new(|lock| lock.version = "1.0.0".into()), "the version changed from `0.1.0` to `1.0.0`"),
            (Box::new(move |lock| lock.settings = other), "the settings changed"),
            (Box::new(|lock| _ = lock.clips.remove("b")), "clip `b` is gone"),
            (Box::new(|lock| _ = lock.clips.insert("ç".into(), lock.clips["b"])), "clip `ç` is new"),
            (
                Box::new(move |lock| lock.clips.get_mut("b").unwrap().source = Some(other)),
                "clip `b`: its source changed",
            ),
            (
                Box::new(move |lock| lock.clips.get_mut("b").unwrap().entry = other),
                "clip `b`: its entry changed",
            ),
            (
                Box::new(|lock| lock.steps.get_mut("embed.timbre").unwrap().version = 9),
                "step `embed.timbre` changed its kind or version",
            ),
            (Box::new(|lock| _ = lock.steps.remove("reduce.map")), "step `reduce.map` is gone"),
            (
                Box::new(move |lock| _ = lock.tables.insert("clips.parquet".into(), table)),
                "table `clips.parquet` differs",
            ),
            (
                Box::new(move |lock| _ = lock.tables.insert("embed/x.parquet".into(), table)),
                "table `embed/x.parquet` is new",
            ),
            (
                Box::new(|lock| _ = lock.failed.insert("b".into(), "no\nfile".into())),
                "clip `b` failed: no\\nfile",
            ),
            (Box::new(move |lock| lock.released.push(released.clone())), "released version `0.0.9` is new"),
        ];
        let lock = fixture::lock();
        assert_eq!(lock.differences(&lock), Vec::<String>::new());
        for (edit, words) in cases {
            let mut edited = lock.clone();
            edit(&mut edited);
            assert_eq!(lock.differences(&edited), [words]);
        }
    }
}
