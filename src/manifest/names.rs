//! Names that strangers wrote: one form of each, safe to show, and what they may have meant.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::text::printable;

/// The composed form (Unicode NFC), so that two spellings of one text are one name.
pub(super) fn nfc(text: &str) -> String {
    composed(text).into_owned()
}

/// As [`nfc`], without a copy where the text is composed already.
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().collect())
}

/// The text in backticks, safe to show and not too long to read.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 80;
    let short: String = text.chars().take(MOST).collect();
    let dots = if short.len() < text.len() { "..." } else { "" };
    format!("`{}{dots}`", printable(&short))
}

/// Several names in backticks, with commas.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let names: Vec<&str> = names.into_iter().collect();
    let mut listed: Vec<String> = names.iter().take(MOST).map(|name| quoted(name)).collect();
    if names.len() > MOST {
        listed.push(format!("{} more", names.len() - MOST));
    }
    listed.join(", ")
}

/// The candidate that `wanted` may have meant: equal but for case, or a few edits away.
pub(super) fn closest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Edit distance takes time in proportion to both lengths, and there may be a hundred thousand names.
    const LONGEST: usize = 64;
    const MOST: usize = 4096;
    if wanted.len() > LONGEST {
        return None;
    }
    let wanted = wanted.to_lowercase();
    let length = wanted.chars().count();
    let limit = (length / 3).max(1);
    let near =
        |candidate: &&str| candidate.len() <= LONGEST && candidate.chars().count().abs_diff(length) <= limit;
    let candidates = candidates.into_iter().filter(near).take(MOST);
    candidates
        .map(|candidate| (strsim::osa_distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The suggestion that goes with [`closest`].
pub(super) fn did_you_mean<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    closest(wanted, candidates).map(|candidate| format!("did you mean {}?", quoted(candidate)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_characters_are_spelled_out() {
        for (text, shown) in [
            ("plain عود", "`plain عود`"),
            ("\u{1b}[31mred", "`\\u{1b}[31mred`"),
            ("a\u{202e}b", "`a\\u{202e}b`"),
            ("two\nlines\r", "`two\\nlines\\r`"),
            ("\u{9b}1m", "`\\u{9b}1m`"),
        ] {
            assert_eq!(quoted(text), shown);
        }
        assert_eq!(quoted(&"x".repeat(1000)).len(), 80 + 3 + 2);
    }

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        for (wanted, candidates, found) in [
            ("hopp", vec!["length", "hop"], Some("hop")),
            ("Hijaz", vec!["rast", "hijaz"], Some("hijaz")),
            ("lenght", vec!["length", "hop"], Some("length")),
            ("saba", vec!["rast", "hijaz"], None),
            ("x", vec![], None),
        ] {
            assert_eq!(closest(wanted, candidates), found, "{wanted}");
        }
    }

    #[test]
    fn composed_and_decomposed_text_is_one_name() {
        assert_eq!(nfc("e\u{301}"), "\u{e9}");
        assert_ne!(nfc("İ"), nfc("i"));
    }
}
