//! Values as TOML spells them: what the program writes for a manifest, the manifest reads.

use unicode_normalization::UnicodeNormalization;

use crate::manifest::Label;

/// A key, in quotes where it needs them.
pub(super) fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if is_bare { name.to_owned() } else { quoted(name) }
}

/// A basic string, in NFC.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.nfc().collect()).to_string()
}

/// The value of a label.
pub(super) fn value(label: &Label) -> String {
    match label {
        Label::Text(text) => quoted(text),
        Label::Number(number) => toml::Value::Float(*number).to_string(),
        Label::Bool(truth) => truth.to_string(),
    }
}
