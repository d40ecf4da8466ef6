//! The resources that a process uses, as Linux reports them. On other systems all values are zero.

use std::time::Duration;

/// The unit of processor time in `/proc`, fixed at 100 a second for programs.
const TICKS_PER_SECOND: u64 = 100;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub resident_bytes: u64,
    /// The highest value so far.
    pub resident_peak_bytes: u64,
    /// In user and kernel mode together.
    pub processor: Duration,
}

impl Usage {
    pub(super) fn of(pid: u32) -> Usage {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        Usage {
            resident_bytes: kilobytes(&status, "VmRSS:") * 1024,
            resident_peak_bytes: kilobytes(&status, "VmHWM:") * 1024,
            processor: processor(&stat),
        }
    }
}

fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Fields 14 and 15 of proc(5). The second field, the name, may contain anything; it ends at the
/// last bracket.
fn processor(stat: &str) -> Duration {
    let Some((_, rest)) = stat.rsplit_once(')') else { return Duration::ZERO };
    let ticks: u64 =
        rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_behind_any_name() {
        let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1";
        assert_eq!(processor(stat), Duration::from_secs(2));
        assert_eq!(processor(""), Duration::ZERO);
        assert_eq!(kilobytes("Name:\tx\nVmRSS:\t  2048 kB\n", "VmRSS:"), 2048);
        assert_eq!(kilobytes("", "VmRSS:"), 0);
    }
}
