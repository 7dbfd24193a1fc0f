//! Dates of labels: `2026-11-21`, `2026-11` or `2026`.

use toml::value::Datetime;

/// Whether the text is a year, a month or a day of the Gregorian calendar.
pub(super) fn is_date(text: &str) -> bool {
    let mut fields = text.split('-');
    let year = fields.next().and_then(|field| digits(field, 4));
    let month = fields.next().map(|field| digits(field, 2));
    let day = fields.next().map(|field| digits(field, 2));
    match (year, month, day, fields.next()) {
        (Some(_), None, None, None) => true,
        (Some(_), Some(Some(month)), None, None) => (1..=12).contains(&month),
        (Some(year), Some(Some(month)), Some(Some(day)), None) => (1..=days(year, month)).contains(&day),
        _ => false,
    }
}

/// A TOML local date as text; none when it has a time or an offset.
pub(super) fn from_toml(datetime: &Datetime) -> Option<String> {
    let only_date = datetime.time.is_none() && datetime.offset.is_none();
    datetime.date.filter(|_| only_date).map(|date| date.to_string())
}

fn digits(field: &str, length: usize) -> Option<u32> {
    let fits = field.len() == length && field.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| field.parse().ok()).flatten()
}

/// Days of a month; 0 when there is no such month.
fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_months_and_days_of_the_calendar_are_dates() {
        for (text, sound) in [
            ("2026", true),
            ("2026-11", true),
            ("2026-11-21", true),
            ("2024-02-29", true),
            ("2023-02-29", false),
            ("1900-02-29", false),
            ("2026-13", false),
            ("2026-00-01", false),
            ("2026-1", false),
            ("26", false),
            ("2026-11-21-1", false),
            ("2026-11-", false),
            ("", false),
            ("c. 1950", false),
        ] {
            assert_eq!(is_date(text), sound, "{text}");
        }
    }
}
