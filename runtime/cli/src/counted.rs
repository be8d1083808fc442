//! A number with its noun, as people write it. It knows no words but those that take an `s`, or whose `y` becomes `ies`.

/// `1 file`, `2 files`, `0 policies`, `3 keys`.
pub(crate) fn counted(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let stem = what.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match (number, stem) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_one_and_all_others_are_several() {
        assert_eq!([0, 1, 2].map(|number| counted(number, "policy")), ["0 policies", "1 policy", "2 policies"]);
        assert_eq!((counted(2_u64, "key"), counted(3_u64, "day")), ("2 keys".to_owned(), "3 days".to_owned()));
        assert_eq!((counted(1_u64, "file"), counted(0_usize, "file")), ("1 file".to_owned(), "0 files".to_owned()));
    }
}
