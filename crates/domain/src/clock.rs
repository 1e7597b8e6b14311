//! Points in time as people read them.

/// Milliseconds since 1970 as RFC 3339, in UTC with seconds.
#[must_use]
pub fn utc(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// The milliseconds since 1970 of a time as [`utc`] writes it; `None` for any other text.
#[must_use]
pub fn parse_utc(text: &str) -> Option<u64> {
    let numbers: Vec<u64> =
        text.strip_suffix('Z')?.split(['-', 'T', ':']).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second] = <[u64; 6]>::try_from(numbers).ok()?;
    // A year has at most so many days, so the day lies between here and a month further on.
    let earliest = year.checked_sub(1970)?.checked_mul(365)?.checked_add(month.checked_sub(1)?.checked_mul(28)?)?;
    let days = (earliest..earliest.checked_add(3_000)?).find(|days| civil(*days) == (year, month, day))?;
    let seconds = hour.checked_mul(3_600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    let ms = days.checked_mul(86_400)?.checked_add(seconds)?.checked_mul(1_000)?;
    (utc(ms) == text).then_some(ms)
}

/// The Gregorian date of a day since 1970-01-01, by counting whole years and months: centuries at most.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // A time beyond the year 9999 is no time of any daemon.
    days = days.min(2_932_896);
    let mut year = 1970_u64;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days = days.saturating_sub(length);
        year = year.saturating_add(1);
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1_u64;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days = days.saturating_sub(length);
        month = month.saturating_add(1);
    }
    (year, month, days.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696_000, "2000-02-29T12:34:56Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59Z"),
            (4_102_444_800_000, "2100-01-01T00:00:00Z"),
            (253_402_300_799_000, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(ms), text);
            assert_eq!(parse_utc(text), Some(ms / 1_000 * 1_000));
        }
        assert_eq!(utc(u64::MAX).len(), 20);
    }
}
