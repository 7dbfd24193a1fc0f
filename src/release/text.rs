//! Text of strangers, where people read it: in messages, in the lock and in the card.

/// Whether a character is written by its number: it cannot be seen, or turns others around.
pub(super) fn must_escape(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(c, '\u{2028}' | '\u{2029}');
    c.is_control() || turns || breaks || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// `text` on one line, with what must be escaped written as in Rust.
pub(super) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        if must_escape(c) { printable.extend(c.escape_default()) } else { printable.push(c) }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_script_stays_as_it_is_and_what_is_unseen_is_shown() {
        for text in ["تقسيم راست", "می\u{200c}خواهم", "İstanbul's \"ud\"", "\u{1F3B5}"] {
            assert_eq!(printable(text), text);
        }
        assert_eq!(printable("a\n\u{1b}[31m\u{202e}"), "a\\n\\u{1b}[31m\\u{202e}");
    }
}
