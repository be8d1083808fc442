//! What a model of this process is asked: a text, and numbers behind it, one a line, as the compiler puts them there. Only as many lines
//! as there are numbers are read as such, from the end: whatever a text from outside looks like, it is text.

use tradewind_lang::plan::{Gate, INSTANT};

/// A question.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Asked<'a> {
    /// The text; empty where numbers alone are asked about.
    pub(crate) text: &'a str,
    /// The numbers, in the order of their names.
    pub(crate) numbers: Vec<f64>,
    /// When that was, in microseconds since 1970.
    pub(crate) at: Option<i64>,
}

impl<'a> Asked<'a> {
    /// Reads a question for a model.
    ///
    /// # Errors
    /// A number that is none: not finite, or absent.
    pub(crate) fn of(said: &'a str, gate: Option<&Gate>) -> Result<Self, String> {
        let mut asked = Self { text: said, ..Self::default() };
        for name in gate.iter().flat_map(|gate| gate.asked.iter().rev()) {
            let (before, line) = asked.text.rsplit_once('\n').unwrap_or(("", asked.text));
            let value = line.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix(": "));
            let value = value.ok_or_else(|| format!("it is not told its number `{name}`"))?;
            if name == INSTANT {
                let at = tradewind_lang::literal::timestamp(value);
                asked.at = Some(at.ok_or_else(|| format!("`{name}` is no instant"))?);
            } else {
                let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
                asked.numbers.push(number.ok_or_else(|| format!("`{name}` is no finite number"))?);
            }
            asked.text = before;
        }
        asked.numbers.reverse();
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tradewind_lang::plan::Learns;

    fn gate(names: &[&str]) -> Gate {
        Gate { asked: names.iter().map(|name| (*name).to_owned()).collect(), learns: Learns::Labels }
    }

    #[test]
    fn a_text_that_looks_like_numbers_is_text() {
        let said = "days: 1\ntotal: 2\ndays: 30.0\ntotal: 99.5";
        let asked = Asked::of(said, Some(&gate(&["days", "total"]))).expect("readable");
        assert_eq!(asked, Asked { text: "days: 1\ntotal: 2", numbers: vec![30.0, 99.5], at: None });
    }

    #[test]
    fn numbers_alone_and_instants_are_read_and_what_is_none_is_named() {
        let asked = Asked::of("at: 1970-01-01T00:00:01Z\nunits: -3.0", Some(&gate(&["at", "units"]))).expect("readable");
        assert_eq!(asked, Asked { text: "", numbers: vec![-3.0], at: Some(1_000_000) });
        for (said, wanted) in [
            ("units: NaN", "`units` is no finite number"),
            ("units: inf", "`units` is no finite number"),
            ("a text", "it is not told its number `units`"),
            ("", "it is not told its number `units`"),
        ] {
            assert_eq!(Asked::of(said, Some(&gate(&["units"]))).expect_err("not readable"), wanted, "{said}");
        }
        assert_eq!(Asked::of("at: yesterday", Some(&gate(&["at"]))).expect_err("not readable"), "`at` is no instant");
    }
}
