//! Work on several threads, its results in the order of the work: what comes out does not depend on how many threads there are.
//! It starts no more threads than its caller allows, and none where one is enough.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Stack of a thread in bytes. Blocks and brackets nest: unoptimised, the parsers want more than the two megabytes of a thread.
const STACK: usize = 16 * 1024 * 1024;

/// Does `work` for every item. Each thread has a state of its own, which `begin` makes.
pub(crate) fn each<T: Sync, S, R: Send>(
    threads: usize,
    items: &[T],
    begin: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let labour = || {
        let mut state = begin();
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, work(&mut state, item)));
        }
    };
    let mut done = thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.min(items.len()))
            // A thread that the system refuses leaves its work to the others.
            .filter_map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, labour).ok())
            .collect();
        let mut done = labour();
        for helper in helpers {
            match helper.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn results_are_in_the_order_of_the_work() {
        let items: Vec<usize> = (0..1000).collect();
        for threads in [0, 1, 2, 7] {
            let doubled = each(threads, &items, || (), |(), item| item * 2);
            assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
        assert!(each(4, &[] as &[usize], || (), |(), item| *item).is_empty());
    }
}
