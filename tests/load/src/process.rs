//! What a process used, from `/proc`.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// `USER_HZ`: ticks of `/proc/PID/stat` in a second, the same on every Linux that Rust is built for.
const TICKS: u32 = 100;

/// Processor time of a process so far, of all its threads.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("no process {pid}"))?;
    let ticks = ticks(&stat).with_context(|| format!("cannot read /proc/{pid}/stat"))?;
    Ok(Duration::from_secs(ticks).checked_div(TICKS).unwrap_or_default())
}

/// The largest memory (resident set) that a process has had, in bytes.
pub(crate) fn peak_memory(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("no process {pid}"))?;
    peak(&status).with_context(|| format!("cannot read /proc/{pid}/status"))
}

/// The machine's load averages over 1, 5 and 15 minutes.
pub(crate) fn load_average() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg").context("cannot read /proc/loadavg")?;
    Ok(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}

/// User and system ticks: the 14th and 15th field; the second one, a name in parentheses, may have blanks in it.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    user.checked_add(system)
}

fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_the_right_ones() {
        let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15";
        assert_eq!(ticks(stat), Some(200));
        assert_eq!(peak("VmPeak:\t 9 kB\nVmHWM:\t   2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(peak("nothing"), None);
    }

    #[test]
    fn this_very_process_can_be_read() {
        assert!(peak_memory(std::process::id()).unwrap() > 100_000);
        assert!(cpu(std::process::id()).is_ok() && load_average().is_ok());
    }
}
