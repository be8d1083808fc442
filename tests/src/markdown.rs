//! Markdown as the specifications use it: headings and fenced blocks, with their lines. Nothing else of Markdown is understood.

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The last heading before it, without its marks; empty for none.
    pub heading: String,
    /// The first word after the fence, such as `kdl`.
    pub language: String,
    /// The second word after the fence; empty for none.
    pub argument: String,
    /// What it holds, every line ended.
    pub text: String,
    /// The line of its fence, from 1.
    pub line: usize,
}

/// Every fenced block, in order. A block that is not closed ends with the text.
#[must_use]
pub fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut heading = String::new();
    let mut open = false;
    for (line, number) in text.lines().zip(1..) {
        match (line.strip_prefix("```"), open) {
            (Some(_), true) => open = false,
            (Some(info), false) => {
                open = true;
                let mut words = info.split_whitespace().map(str::to_owned);
                let (language, argument) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                found.push(Block { heading: heading.clone(), language, argument, text: String::new(), line: number });
            }
            (None, true) => {
                if let Some(block) = found.last_mut() {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
            (None, false) => {
                if let Some(title) = line.strip_prefix('#') {
                    title.trim_start_matches('#').trim().clone_into(&mut heading);
                }
            }
        }
    }
    found
}

/// Every text in backticks outside fenced blocks, with its line.
#[must_use]
pub fn quoted(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open = false;
    for (line, number) in text.lines().zip(1..) {
        if line.starts_with("```") {
            open = !open;
        } else if !open {
            found.extend(line.split('`').skip(1).step_by(2).map(|text| (number, text.to_owned())));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_knows_its_heading_its_words_and_its_line() {
        let found = blocks("# One\n\n```kdl flows/a.kdl\na\nb\n```\n## Two\n```\n```\n");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].heading.as_str(), found[0].language.as_str(), found[0].argument.as_str()), ("One", "kdl", "flows/a.kdl"));
        assert_eq!((found[0].text.as_str(), found[0].line), ("a\nb\n", 3));
        assert_eq!((found[1].heading.as_str(), found[1].text.as_str()), ("Two", ""));
    }

    #[test]
    fn text_in_backticks_is_found_outside_blocks_only() {
        assert_eq!(quoted("see `a/b` and `c`\n```\n`d`\n```\n"), vec![(1, "a/b".to_owned()), (1, "c".to_owned())]);
    }
}
