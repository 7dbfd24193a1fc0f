//! Text of strangers, where people read it: nothing of it moves a cursor, turns a line round or becomes markup.

/// Whether a character is written by its number: it cannot be seen, or it moves or turns what is around it.
pub fn must_escape(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(c, '\u{2028}' | '\u{2029}');
    c.is_control() || turns || breaks || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether any character of `text` must be escaped.
pub fn any_must_escape(text: &str) -> bool {
    // Most names are plain ASCII, and this is asked of every name in a list of a million.
    let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    !is_plain && text.chars().any(must_escape)
}

/// `text` on one line, with what must be escaped written as in Rust.
pub fn printable(text: &str) -> String {
    escape(text, |_| false)
}

/// `text` on as many lines as it has, with everything else that must be escaped written as in Rust.
pub fn printable_lines(text: &str) -> String {
    escape(text, |c| c == '\n')
}

/// `text` as Markdown that shows just this text, on one line: in a paragraph, a heading or a cell of a table.
pub fn markdown(text: &str) -> String {
    let mut markdown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => markdown.push_str("&amp;"),
            '<' => markdown.push_str("&lt;"),
            '>' => markdown.push_str("&gt;"),
            // A name behind it would be told that it was mentioned.
            '@' => markdown.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' | '$' => {
                markdown.extend(['\\', c]);
            }
            c if c.is_whitespace() => markdown.push(' '),
            c if must_escape(c) => markdown.push(char::REPLACEMENT_CHARACTER),
            c => markdown.push(c),
        }
    }
    markdown
}

fn escape(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if must_escape(c) && !is_kept(c) { escaped.extend(c.escape_default()) } else { escaped.push(c) }
    }
    escaped
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
        assert_eq!(printable_lines("a\n\u{1b}[2Jb\r"), "a\n\\u{1b}[2Jb\\r");
    }

    #[test]
    fn text_cannot_become_markdown() {
        let cases = [
            ("a|b", "a\\|b"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("[x](http://e)\n# big", "\\[x\\]\\(http://e\\) \\# big"),
            ("@everyone", "&#64;everyone"),
        ];
        for (hostile, expected) in cases {
            assert_eq!(markdown(hostile), expected);
        }
    }
}
