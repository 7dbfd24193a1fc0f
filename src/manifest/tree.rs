//! The manifest as a tree of values that know their place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and its place.
pub(super) type Node<'t> = Spanned<DeValue<'t>>;

/// What a value is, in the words of messages.
pub(super) fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// A whole number; none when it has more than 127 bits, or is no integer.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i128> {
    let integer = value.as_integer()?;
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A number, perhaps infinite or not a number.
pub(super) fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(_) => integer(value).map(|integer| integer as f64),
        _ => None,
    }
}

/// The table under a key.
pub(super) fn table<'n, 't>(parent: &'n DeTable<'t>, key: &str) -> Option<&'n DeTable<'t>> {
    parent.get(key)?.get_ref().as_table()
}

/// The text under a key, and its place.
pub(super) fn text<'n>(parent: &'n DeTable<'_>, key: &str) -> Option<(&'n str, Range<usize>)> {
    spanned_text(parent.get(key)?)
}

/// A value as text, and its place.
pub(super) fn spanned_text<'n>(node: &'n Node<'_>) -> Option<(&'n str, Range<usize>)> {
    Some((node.get_ref().as_str()?, node.span()))
}

/// The items of the array under a key.
pub(super) fn items<'n, 't>(parent: &'n DeTable<'t>, key: &str) -> &'n [Node<'t>] {
    match parent.get(key).and_then(|node| node.get_ref().as_array()) {
        Some(array) => array.as_ref(),
        None => &[],
    }
}
