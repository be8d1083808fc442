//! What the machine did meanwhile: time of its processors, memory of this process. From /proc; zeros where there is none.

use std::fs;
use std::time::{Duration, Instant};

/// Clock ticks a second in /proc; Linux has used 100 on every common architecture since 2.6.
const TICKS: f64 = 100.0;

/// The beginning of a measurement.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    began: Instant,
    busy: f64,
    own: f64,
}

/// A measurement.
#[derive(Debug, Clone, Copy)]
pub struct Lap {
    /// Time by the clock.
    pub wall: Duration,
    /// Seconds of processors that this process and the children it waited for used.
    pub own: f64,
    /// Share of all processors that everything else on the machine used.
    pub others: f64,
}

impl Stopwatch {
    /// Starts.
    #[must_use]
    pub fn start() -> Self {
        Self { began: Instant::now(), busy: busy(), own: own() }
    }

    /// Reads.
    #[must_use]
    pub fn lap(&self) -> Lap {
        let wall = self.began.elapsed();
        let own = (own() - self.own).max(0.0);
        let all = wall.as_secs_f64() * cores() as f64;
        let others = if all > 0.0 { ((busy() - self.busy - own) / all).clamp(0.0, 1.0) } else { 0.0 };
        Lap { wall, own, others }
    }
}

impl Lap {
    /// So many things a second.
    #[must_use]
    pub fn rate(&self, things: usize) -> f64 {
        things as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    /// For a table: what else used the processors.
    #[must_use]
    pub fn others_text(&self) -> String {
        format!("{:.0} %", self.others * 100.0)
    }
}

/// Processors.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The peak of a process's memory in MiB, while it lives.
#[must_use]
pub fn peak_memory(process: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kibibytes| kibibytes / 1024.0)
}

/// The memory of a process in MiB, now.
#[must_use]
pub fn memory(process: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kibibytes| kibibytes / 1024.0)
}

/// The machine in a line.
#[must_use]
pub fn described() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor =
        processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default().trim_start_matches(['\t', ' ', ':']);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(" ");
    format!("{} cores ({processor}); load average {load}", cores())
}

/// Seconds of processors that anything used since the machine started.
fn busy() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let times: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest times are within user.
    let working = times.iter().take(8).enumerate().filter(|(place, _)| !matches!(place, 3 | 4)).map(|(_, time)| time);
    working.sum::<f64>() / TICKS
}

/// Seconds of processors that this process and the children it waited for used.
fn own() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name may hold anything, a parenthesis included; the fields follow its last one.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace().skip(11).take(4);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}
