//! Which columns of a table of vectors are the ids, and which the numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;
use crate::text::printable;

/// The column of the ids: the one that is asked for, or the first of the usual ones that there is.
pub(super) fn id_column(names: &[&str], asked: &str) -> Result<usize, Fault> {
    const USUAL: [&str; 3] = ["segment_id", "clip_id", "id"];
    let place = |wanted: &str| names.iter().position(|name| *name == wanted);
    if !asked.is_empty() {
        let missing = || Fault::new(format!("it has no column `{}`", printable(asked)));
        return place(asked).ok_or_else(|| missing().hint(listed(names)));
    }
    USUAL.iter().find_map(|name| place(name)).ok_or_else(|| {
        Fault::new("it has no column `segment_id`, `clip_id` or `id`")
            .hint(format!("name its column of ids with `id`; {}", listed(names)))
    })
}

/// The columns of the numbers in their order: those whose names are one text and a number, which count from 0 or 1 on.
pub(super) fn numbered_columns(names: &[&str], id: usize, prefix: &str) -> Result<Vec<usize>, Fault> {
    let mut of_prefix: BTreeMap<&str, Vec<(u32, usize)>> = BTreeMap::new();
    for (place, name) in names.iter().enumerate().filter(|(place, _)| *place != id) {
        let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (text, number) = name.split_at(name.len() - digits);
        if let Ok(number) = number.parse() {
            of_prefix.entry(text).or_default().push((number, place));
        }
    }
    if !prefix.is_empty() {
        of_prefix.retain(|text, _| *text == prefix);
    }
    let mut groups = of_prefix.into_iter();
    match (groups.next(), groups.next()) {
        (Some((text, numbered)), None) => in_order(text, numbered),
        (Some((one, _)), Some((other, _))) => {
            let [one, other] = [one, other].map(printable);
            Err(Fault::new(format!("it has numbered columns of several names: `{one}`, `{other}`"))
                .hint("say with `vector` what stands before the numbers of those that you mean"))
        }
        (None, _) => {
            let what =
                if prefix.is_empty() { String::new() } else { format!(" `{}0`, ...", printable(prefix)) };
            Err(Fault::new(format!("it has no numbered columns{what}"))
                .hint(format!("call the columns of numbers 0, 1, 2, ... or v0, v1, ...; {}", listed(names))))
        }
    }
}

fn in_order(text: &str, mut numbered: Vec<(u32, usize)>) -> Result<Vec<usize>, Fault> {
    numbered.sort_unstable();
    let first = numbered.first().map_or(0, |(number, _)| (*number).min(1));
    let is_wrong =
        |(nth, (number, _)): &(usize, &(u32, usize))| u64::from(*number) != *nth as u64 + u64::from(first);
    if let Some((nth, _)) = numbered.iter().enumerate().find(is_wrong) {
        let expected = nth as u64 + u64::from(first);
        return Err(Fault::new(format!(
            "its column `{}{expected}` is missing or there twice",
            printable(text)
        ))
        .hint("numbered columns count from 0 or from 1, and leave nothing out"));
    }
    Ok(numbered.into_iter().map(|(_, place)| place).collect())
}

/// The first names, for a hint.
fn listed(names: &[&str]) -> String {
    let shown: BTreeSet<String> = names.iter().take(6).map(|name| format!("`{}`", printable(name))).collect();
    let more = if names.len() > 6 { ", ..." } else { "" };
    format!("it has {}{more}", shown.into_iter().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_numbers_are_found_by_their_names() {
        assert_eq!(id_column(&["x", "clip_id", "segment_id"], ""), Ok(2));
        assert_eq!(id_column(&["x", "track"], "track"), Ok(1));
        assert!(id_column(&["x"], "").is_err() && id_column(&["id"], "track").is_err());
        type Case<'c> = (&'c [&'c str], &'c str, Result<Vec<usize>, &'c str>);
        let cases: [Case; 9] = [
            (&["id", "0", "1", "2"], "", Ok(vec![1, 2, 3])),
            (
                &["id", "v10", "v2", "v1", "v3", "v4", "v5", "v6", "v7", "v8", "v9"],
                "",
                Ok(vec![3, 2, 4, 5, 6, 7, 8, 9, 10, 1]),
            ),
            (&["id", "artist", "v1", "v2"], "", Ok(vec![2, 3])),
            (&["id", "a0", "b0"], "", Err("it has numbered columns of several names: `a`, `b`")),
            (&["id", "a0", "b0"], "b", Ok(vec![2])),
            (&["id", "a"], "", Err("it has no numbered columns")),
            (&["id", "a0"], "b", Err("it has no numbered columns `b0`, ...")),
            (&["id", "v0", "v2"], "", Err("its column `v1` is missing or there twice")),
            (&["id", "v1", "v01"], "", Err("its column `v2` is missing or there twice")),
        ];
        for (names, prefix, expected) in cases {
            let found = numbered_columns(names, 0, prefix).map_err(|fault| fault.cause);
            assert_eq!(found, expected.map_err(str::to_owned), "{names:?}");
        }
    }
}
