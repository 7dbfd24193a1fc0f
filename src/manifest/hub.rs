//! Models on Hugging Face, as a manifest names them.

/// Repository, revision and file of `hf:org/name@revision/file`; the file is empty where none is named.
pub fn hub_parts(place: &str) -> Option<(&str, &str, &str)> {
    let (repository, rest) = place.strip_prefix("hf:")?.split_once('@')?;
    let (revision, file) = rest.split_once('/').unwrap_or((rest, ""));
    let is_revision =
        revision.len() == 40 && revision.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_name = |name: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !name.is_empty() && !name.starts_with('.') && !name.contains("--") && name.bytes().all(is_plain)
    };
    let (owner, name) = repository.split_once('/')?;
    (is_revision && is_name(owner) && is_name(name)).then_some((repository, revision, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn only_a_whole_commit_of_a_repository_is_a_place_in_the_hub() {
        let of = |text: &str| {
            hub_parts(text).map(|(repository, _, file)| (repository.to_owned(), file.to_owned()))
        };
        let sound = format!("hf:m-a-p/MERT-v1-95M@{REVISION}");
        assert_eq!(of(&sound), Some(("m-a-p/MERT-v1-95M".into(), String::new())));
        assert_eq!(of(&format!("{sound}/a.bin")), Some(("m-a-p/MERT-v1-95M".into(), "a.bin".into())));
        for wrong in [
            "m-a-p/MERT@main",
            "hf:m-a-p/MERT@main",
            "hf:MERT@0",
            "hf:../x@0",
            &format!("hf:../x@{REVISION}"),
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
