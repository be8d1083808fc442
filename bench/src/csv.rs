//! Rows of a CSV file as RFC 4180 writes them, by the names in its first line. For files that are read to measure something.

/// The rows of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    /// A column by its name; empty where a row ends before it.
    ///
    /// # Errors
    /// There is no such column.
    pub fn column(&self, name: &str) -> Result<Vec<String>, String> {
        let place = self.names.iter().position(|known| known == name).ok_or_else(|| format!("there is no column `{name}`"))?;
        Ok(self.rows.iter().map(|row| row.get(place).cloned().unwrap_or_default()).collect())
    }
}

/// Reads a text.
///
/// # Errors
/// It is empty, or a quoted field does not end.
pub fn read(text: &str) -> Result<Rows, String> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut field)),
            ('\r', false) => {}
            ('\n', false) => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            (letter, _) => field.push(letter),
        }
    }
    if quoted {
        return Err("a quoted field does not end".to_owned());
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    let mut rows = rows.into_iter();
    let names = rows.next().ok_or("it is empty")?;
    Ok(Rows { names, rows: rows.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_commas_and_lines_within_fields_are_read() {
        let rows = read("a,b\r\n\"one, two\",\"he said \"\"no\"\"\nand left\"\nshort\n").unwrap();
        assert_eq!(rows.column("a").unwrap(), ["one, two", "short"]);
        assert_eq!(rows.column("b").unwrap(), ["he said \"no\"\nand left", ""]);
        assert!(rows.column("c").is_err() && read("a\n\"open").is_err() && read("").is_err());
    }
}
