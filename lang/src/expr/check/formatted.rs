//! `text.format([…])`: the verbs of a text that is written out, held against the values beside it. What only a run knows, such as the
//! text of a variable or a value from outside, is left to it.

use super::{Checker, Form, Range, Typed};
use crate::code::expression as codes;
use crate::diagnostic::Diagnostic;
use crate::ty::Ty;

/// Digits behind the point that a verb may ask for, as the `cel` crate has it.
const MOST_DIGITS: usize = 100;

/// A verb of a format: its letter, and the bytes of the text from its `%` on.
#[derive(Debug, PartialEq, Eq)]
struct Verb {
    letter: char,
    start: usize,
    end: usize,
}

/// What cannot be read as a verb, and where.
#[derive(Debug, PartialEq, Eq)]
struct Misread {
    message: String,
    help: String,
    start: usize,
    end: usize,
    /// What was surely meant.
    meant: Option<String>,
}

const VERBS: &str = "`%s` writes any value, `%d` `%f` `%e` a number, `%b` `%o` `%x` `%X` one in base 2, 8 or 16, and `%%` is a `%`";

/// Verbs of other languages, with what they are here.
const ELSEWHERE: &[(char, char)] =
    &[('i', 'd'), ('u', 'd'), ('D', 'd'), ('v', 's'), ('S', 's'), ('g', 'f'), ('G', 'f'), ('F', 'f'), ('E', 'e'), ('B', 'b'), ('O', 'o')];

/// The verbs of a format in order; `%%` is none.
fn verbs(text: &str) -> Result<Vec<Verb>, Misread> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find('%')).map(|found| at + found) {
        let rest = text.get(start + 1..).unwrap_or("");
        if rest.starts_with('%') {
            at = start + 2;
            continue;
        }
        let precise = rest.strip_prefix('.');
        let digits = precise.map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        let before = if precise.is_some() { 1 + digits } else { 0 };
        let Some(letter) = rest.get(before..).and_then(|rest| rest.chars().next()).filter(|letter| letter.is_alphabetic()) else {
            let end = start + 1 + before;
            let message = "a `%` that no verb follows".to_owned();
            let width = rest.starts_with(|letter: char| letter.is_ascii_digit());
            let meant = (before == 0 && !width).then(|| "%%".to_owned());
            return Err(Misread { message, help: "a `%` that is meant as it stands is written `%%`".to_owned(), start, end, meant });
        };
        let end = start + 1 + before + letter.len_utf8();
        let written = text.get(start..end).unwrap_or("%");
        let wrong = |message: String, help: &str, meant: Option<String>| Err(Misread { message, help: help.to_owned(), start, end, meant });
        if !"sdfeboxX".contains(letter) {
            let meant = ELSEWHERE.iter().find(|(other, _)| *other == letter).map(|(_, here)| written.replace(letter, &here.to_string()));
            return wrong(format!("`{written}` is no verb of `format`"), VERBS, meant);
        }
        let asked = precise.and_then(|rest| rest.get(..digits)).map(str::parse::<usize>);
        if asked.is_some_and(|asked| !asked.is_ok_and(|asked| asked <= MOST_DIGITS)) {
            let message = match digits {
                0 => format!("`{written}` does not say how many digits"),
                _ => format!("`{written}` asks for more than {MOST_DIGITS} digits"),
            };
            return wrong(message, "write it like `%.2f`: two digits behind the point", None);
        }
        found.push(Verb { letter, start, end });
        at = end;
    }
    Ok(found)
}

/// Whether a verb writes values of a type. What only a run knows is let through.
fn writes(letter: char, ty: &Ty) -> bool {
    if matches!(ty, Ty::Unknown | Ty::Dyn | Ty::Json) {
        return true;
    }
    match letter {
        'd' | 'f' | 'e' => matches!(ty, Ty::Int | Ty::UInt | Ty::Double),
        'b' => matches!(ty, Ty::Bool | Ty::Int | Ty::UInt),
        'o' => matches!(ty, Ty::Int | Ty::UInt),
        'x' | 'X' => matches!(ty, Ty::Int | Ty::UInt | Ty::String | Ty::Enum(_) | Ty::Bytes),
        // A record was told of where it stands.
        _ => true,
    }
}

/// What a verb takes, in words.
fn takes(letter: char) -> &'static str {
    match letter {
        'b' => "int, uint or bool",
        'o' => "int or uint",
        'x' | 'X' => "int, uint, string or bytes",
        _ => "int, uint or double",
    }
}

impl Checker<'_> {
    /// Holds the verbs of a format that is written out against what it is given.
    pub(super) fn formatted(&mut self, arguments: &[Typed], range: Range) {
        let [of, given] = arguments else { return };
        let Form::Text(text) = &of.form else { return };
        let verbs = match verbs(text) {
            Ok(verbs) => verbs,
            Err(Misread { message, help, start, end, meant }) => {
                let at = self.inside(of, text, (start, end));
                let diagnostic = Diagnostic::new(&codes::FORMAT, self.span(at.unwrap_or(of.range)), message).label("no verb").help(help);
                let mended = meant.zip(at).map(|(meant, at)| diagnostic.clone().fix(format!("write `{meant}`"), self.span(at), meant));
                self.diagnostics.push(mended.unwrap_or(diagnostic));
                return;
            }
        };
        let items: Vec<Option<&Typed>> = match (&given.form, &given.ty) {
            (Form::Items(items), _) => {
                if items.len() != verbs.len() {
                    self.miscounted(verbs.len(), items.len(), if items.is_empty() { range } else { given.range });
                    return;
                }
                items.iter().map(Some).collect()
            }
            // How many there are, a run says.
            _ => verbs.iter().map(|_| None).collect(),
        };
        for (verb, item) in verbs.iter().zip(items) {
            let of_list = if let Ty::List(item) = &given.ty { item.as_ref() } else { &Ty::Unknown };
            let (ty, at) = item.map_or((of_list, given.range), |item| (&item.ty, item.range));
            if !writes(verb.letter, ty) {
                self.unwritable(of, text, verb, (ty, at));
            }
        }
    }

    fn miscounted(&mut self, verbs: usize, items: usize, at: Range) {
        let count = |count: usize, what: &str| if count == 1 { format!("one {what}") } else { format!("{count} {what}s") };
        let message = format!("the text has {}, and is given {}", count(verbs, "verb"), count(items, "value"));
        let diagnostic = self.report(&codes::FORMAT, at, message);
        let label = if items < verbs { "too few" } else { "too many" };
        *diagnostic = diagnostic.clone().label(label).help("give each verb its value, in order; a `%` itself is written `%%`");
    }

    fn unwritable(&mut self, of: &Typed, text: &str, verb: &Verb, (ty, at): (&Ty, Range)) {
        let written = text.get(verb.start..verb.end).unwrap_or("%");
        let message = format!("`{written}` writes {}, and {} is {ty}", takes(verb.letter), self.quoted(at));
        let mut diagnostic = Diagnostic::new(&codes::FORMAT, self.span(at), message).label(format!("is {ty}"));
        let help = match ty {
            Ty::Decimal if "dfe".contains(verb.letter) => "write `%s`, or make a number of it: `double(…)`",
            Ty::Money if "dfe".contains(verb.letter) => "write `%s` for the amount with its currency, or make a number of it: `double(…)`",
            _ => "write `%s`, which writes any value",
        };
        diagnostic = diagnostic.help(help);
        if let Some(place) = self.inside(of, text, (verb.start, verb.end)) {
            let span = self.span(place);
            diagnostic = diagnostic.also(span, "this verb").proposal("write `%s`", span, "%s");
        }
        self.diagnostics.push(diagnostic);
    }

    /// Where bytes of a literal's text stand in the expression, where it is written without escapes.
    fn inside(&self, of: &Typed, text: &str, (start, end): Range) -> Option<Range> {
        let written = self.text.get(of.range.0..of.range.1)?;
        let from = of.range.0 + written.find(text)?;
        Some((from + start, from + end))
    }
}

#[cfg(test)]
mod tests {
    use super::verbs;

    #[test]
    fn verbs_are_read_as_the_crate_reads_them() {
        let letters = |text: &str| verbs(text).map(|verbs| verbs.into_iter().map(|verb| verb.letter).collect::<String>());
        for (text, expected) in [("", ""), ("100%% of %s", "s"), ("%d %.2f%.0e%x%X%o%b", "dfexXob"), ("é%sé", "s"), ("%%%s%%", "s")] {
            assert_eq!(letters(text).as_deref(), Ok(expected), "{text}");
        }
        for (text, message) in [
            ("100%", "a `%` that no verb follows"),
            ("100% of it", "a `%` that no verb follows"),
            ("%q", "`%q` is no verb of `format`"),
            ("%5d", "a `%` that no verb follows"),
            ("%.f", "`%.f` does not say how many digits"),
            ("%.101f", "`%.101f` asks for more than 100 digits"),
            ("%.99999999999999999999f", "`%.99999999999999999999f` asks for more than 100 digits"),
            ("%.3", "a `%` that no verb follows"),
        ] {
            assert_eq!(verbs(text).unwrap_err().message, message, "{text}");
        }
    }
}
