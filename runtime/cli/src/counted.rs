//! A number with its noun, as people write it. It knows no words but those that take an `s`, or whose `y` becomes `ies`.

/// `1 file`, `2 files`, `0 policies`.
pub(crate) fn counted(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    match (number, what.strip_suffix('y')) {
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
        assert_eq!((counted(1_u64, "file"), counted(0_usize, "file")), ("1 file".to_owned(), "0 files".to_owned()));
    }
}
