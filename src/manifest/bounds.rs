//! The bounds of numbers, as a JSON Schema states them.

use serde_json::Value;
use toml::de::DeValue;

use super::tree::{integer, number};

/// The bound that a number does not keep, in words that follow "must be".
pub(super) fn broken(value: &DeValue<'_>, schema: &Value) -> Option<String> {
    let Some(number) = number(value).filter(|number| number.is_finite()) else {
        let finite = if value.is_integer() { "an integer of 64 bits" } else { "a finite number" };
        return Some(finite.to_owned());
    };
    let bound = |name: &str| schema.get(name).filter(|bound| bound.is_number());
    let fails = |name: &str, keeps: fn(f64, f64) -> bool| {
        bound(name).filter(|bound| bound.as_f64().is_some_and(|bound| !keeps(number, bound)))
    };
    let below = fails("minimum", |number, bound| number >= bound).map(|bound| ("at least", bound));
    let above = fails("maximum", |number, bound| number <= bound).map(|bound| ("at most", bound));
    let at_or_below =
        fails("exclusiveMinimum", |number, bound| number > bound).map(|bound| ("more than", bound));
    let at_or_above =
        fails("exclusiveMaximum", |number, bound| number < bound).map(|bound| ("less than", bound));
    let broken = below.or(above).or(at_or_below).or(at_or_above);
    broken.map(|(words, bound)| format!("{words} {bound}")).or_else(|| too_wide(value, schema))
}

/// The numbers that a schema lists, when this is none of them: `256, 512 or 1024`.
pub(super) fn not_listed(value: &DeValue<'_>, schema: &Value) -> Option<String> {
    let listed: Vec<&Value> = schema["enum"].as_array()?.iter().filter(|listed| listed.is_number()).collect();
    let number = number(value)?;
    if listed.is_empty() || listed.iter().any(|listed| listed.as_f64() == Some(number)) {
        return None;
    }
    let words: Vec<String> = listed.iter().map(|listed| listed.to_string()).collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => Some(format!("{} or {last}", others.join(", "))),
        _ => words.first().cloned(),
    }
}

/// The bound that the type behind an integer sets: schemars tells its width as the `format`.
fn too_wide(value: &DeValue<'_>, schema: &Value) -> Option<String> {
    let (least, most) = match schema["format"].as_str()? {
        "uint8" => (0, i128::from(u8::MAX)),
        "uint16" => (0, i128::from(u16::MAX)),
        "uint32" => (0, i128::from(u32::MAX)),
        "uint64" | "uint" => (0, i128::from(u64::MAX)),
        "int32" => (i128::from(i32::MIN), i128::from(i32::MAX)),
        "int64" | "int" => (i128::from(i64::MIN), i128::from(i64::MAX)),
        _ => return None,
    };
    let integer = integer(value)?;
    if integer < least {
        return Some(format!("at least {least}"));
    }
    (integer > most).then(|| format!("at most {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_among_those_listed() {
        let length = json!({ "type": "integer", "enum": [256, 512, 1024] });
        let single = json!({ "enum": [2] });
        let words = json!({ "enum": ["text"] });
        for (text, schema, listed) in [
            ("512", &length, None),
            ("500", &length, Some("256, 512 or 1024")),
            ("3", &single, Some("2")),
            ("3", &words, None),
        ] {
            let value = DeValue::parse(text).expect("the value is TOML");
            assert_eq!(not_listed(value.get_ref(), schema).as_deref(), listed, "{text}");
        }
    }

    #[test]
    fn numbers_keep_their_bounds() {
        let hop = json!({ "type": "number", "exclusiveMinimum": 0.0, "maximum": 3600 });
        let count = json!({ "type": "integer", "format": "uint32", "minimum": 1 });
        let seed = json!({ "type": "integer", "format": "uint64", "minimum": 0 });
        for (text, schema, broken_bound) in [
            ("0.5", &hop, None),
            ("1", &hop, None),
            ("0", &hop, Some("more than 0.0")),
            ("3600.5", &hop, Some("at most 3600")),
            ("nan", &hop, Some("a finite number")),
            ("-inf", &hop, Some("a finite number")),
            ("1e999", &hop, Some("a finite number")),
            ("0", &count, Some("at least 1")),
            ("4_294_967_295", &count, None),
            ("0x1_0000_0000", &count, Some("at most 4294967295")),
            ("18446744073709551615", &seed, None),
            ("18446744073709551616", &seed, Some("at most 18446744073709551615")),
            ("99999999999999999999999999999999999999999999", &seed, Some("an integer of 64 bits")),
        ] {
            let value = DeValue::parse(text).expect("the value is TOML");
            assert_eq!(broken(value.get_ref(), schema).as_deref(), broken_bound, "{text}");
        }
    }
}
