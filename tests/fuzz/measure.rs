//! What an input costs, as the bytes that are asked of the allocator for it: the same on every machine, and never less than the most that
//! is held at once. Seconds are not measured: they say how busy a machine is.

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocator counts for the whole process: one measures at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// What may be asked for in any case: an expression may build 16 MB, by each set of rules, and a pattern is compiled within limits of its own.
const ALWAYS: usize = 256_000_000;
/// What may be asked for over that, for each byte of an input.
const FOR_EACH_BYTE: usize = 8_000;

/// Until it is dropped, nobody else is measured.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a piece of work ended.
pub(crate) struct Cost {
    /// Whether it panicked, or asked for more than its input may cost.
    pub(crate) failed: bool,
    /// Bytes.
    pub(crate) bytes: usize,
}

/// Does something with an input of so many bytes, and says what was asked of the allocator for it. The caller is [`alone`].
pub(crate) fn of(length: usize, work: impl FnOnce()) -> Cost {
    let region = Region::new(ALLOCATOR);
    let panicked = catch_unwind(AssertUnwindSafe(work)).is_err();
    let bytes = region.change().bytes_allocated;
    let allowed = ALWAYS + FOR_EACH_BYTE * length;
    if bytes > allowed {
        eprintln!("{bytes} bytes were asked for, and an input of {length} bytes may cost {allowed}");
    }
    Cost { failed: panicked || bytes > allowed, bytes }
}
