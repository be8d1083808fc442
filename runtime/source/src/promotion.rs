//! Promotion: which commit the environment before this one has had for long enough, by what it told of its commits.

use crate::commit::Commit;
use crate::mirror::Mirror;
use crate::statuses::{Listed, Statuses};
use tradewind_lang::literal::duration_text;
use tradewind_lang::plan::{After, Micros, status_name};

/// How many commits are looked at, from the newest.
const MOST: usize = 30;

/// What may be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Promoted {
    /// This one.
    Commit(Commit),
    /// None yet: why the newest is not.
    Waits(String),
}

/// Looks back from the newest commit to the one at work.
pub(crate) async fn promoted(
    mirror: &Mirror,
    statuses: &Statuses,
    after: &After,
    (newest, active): (&Commit, Option<&Commit>),
    now: i64,
) -> Result<Promoted, String> {
    let name = status_name(&after.environment);
    let (mut until, mut why) = (now, None);
    for commit in mirror.path(newest, active, MOST).await? {
        let listed = statuses.listed(&commit, &name).await.map_err(|failed| failed.why)?;
        match stood(&listed, until) {
            Stood::For { since, span } if span >= after.stood => {
                tracing::debug!(%commit, since, "promoted");
                return Ok(Promoted::Commit(commit));
            }
            // The older ones were at work until this one was.
            Stood::For { since, span } => {
                until = since;
                why.get_or_insert_with(|| {
                    // To the second: nobody reads more.
                    let (has, wants) = (duration_text(span - span % 1_000_000), duration_text(after.stood));
                    format!("`{}` has had {} for {has} of {wants}", after.environment, commit.short())
                });
            }
            Stood::Not(said) => {
                why.get_or_insert_with(|| format!("`{}` {said}", after.environment));
            }
        }
    }
    Ok(Promoted::Waits(why.unwrap_or_else(|| format!("`{}` has told of no newer commit", after.environment))))
}

/// How a commit stood in the environment before.
#[derive(Debug, PartialEq, Eq)]
enum Stood {
    For { since: i64, span: Micros },
    Not(String),
}

/// By what was told of it, newest first: at work since the oldest of the newest successes without anything else between.
fn stood(listed: &[Listed], until: i64) -> Stood {
    match listed.first() {
        None => Stood::Not("has told nothing of it".to_owned()),
        Some(newest) if newest.state != "success" => Stood::Not(format!("says {}: {}", newest.state, newest.description)),
        Some(newest) => {
            let since = listed.iter().take_while(|status| status.state == "success").last().map_or(newest.at, |status| status.at);
            Stood::For { since, span: until.saturating_sub(since).max(0) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(said: &[(&str, i64)]) -> Vec<Listed> {
        said.iter().map(|(state, at)| Listed { state: (*state).to_owned(), description: "why".to_owned(), at: *at }).collect()
    }

    #[test]
    fn a_commit_stands_since_its_first_success_in_a_row_and_until_the_next_one_did() {
        assert_eq!(stood(&told(&[("success", 50), ("success", 40), ("pending", 30)]), 100), Stood::For { since: 40, span: 60 });
        // It failed in between: what came before does not count.
        assert_eq!(stood(&told(&[("success", 50), ("failure", 45), ("success", 10)]), 100), Stood::For { since: 50, span: 50 });
        assert_eq!(stood(&told(&[("failure", 50), ("success", 10)]), 100), Stood::Not("says failure: why".to_owned()));
        assert_eq!(stood(&[], 100), Stood::Not("has told nothing of it".to_owned()));
        // A clock of the host that is ahead of ours.
        assert_eq!(stood(&told(&[("success", 150)]), 100), Stood::For { since: 150, span: 0 });
    }
}
