//! The tests of reading what strangers may send: nothing panics, and nothing takes for ever.

use proptest::prelude::*;

use super::check::FULL;
use super::*;

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_and_show(&bytes);
    }

    #[test]
    fn no_edit_of_a_manifest_makes_reading_panic(edits in proptest::collection::vec((any::<proptest::sample::Index>(), 0_usize..4, "\\PC{0,3}|[\\[\\]{}\"=.,#\n-]{1,3}|[0-9.e:-]{1,6}"), 1..6)) {
        let mut text: Vec<char> = FULL.chars().collect();
        for (at, removed, inserted) in edits {
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        read_and_show(text.into_iter().collect::<String>().as_bytes());
    }

    #[test]
    fn no_licence_makes_reading_panic(licence in "(MIT|CC0-1.0|GPL-3.0|LicenseRef-|DocumentRef-|WITH|AND|OR|[ ()+:/-]|\\PC){0,8}") {
        licences::check(&licence, 0..0, &mut Findings::default());
    }
}

fn read_and_show(bytes: &[u8]) {
    let outcome = parse(bytes, "taqsim.toml");
    assert_eq!(outcome.manifest.is_none(), outcome.findings.has_errors());
    render(&outcome.findings, &outcome.texts, Style::Coloured);
    to_github(&outcome.findings, &outcome.texts);
    to_json(&outcome.findings, &outcome.texts);
}

#[test]
fn deep_nesting_and_endless_mistakes_are_findings() {
    for text in [
        "a=".to_owned() + &"[".repeat(100_000),
        "a=".to_owned() + &"{a=".repeat(100_000),
        "a.".repeat(100_000) + "a=1",
        format!("[{}a]", "a.".repeat(100_000)),
        "x = =\n".repeat(20_000),
        (0..20_000).map(|n| format!("key{n} = {n}\n")).collect(),
        format!("labels = {{ a = \"text\" }}\n{}", "[[clip]]\nid = \"a\"\n".repeat(5_000)),
    ] {
        let outcome = parse(text.as_bytes(), "taqsim.toml");
        assert!(outcome.manifest.is_none() && outcome.findings.len() <= 1000, "{}", outcome.findings.len());
    }
}
