//! Moments as people and other programs write them: RFC 3339, in UTC.

const DAY_S: i64 = 86_400;

/// `2026-11-22T17:42:09.123456789Z`, of seconds since 1970 and billionths of one. All digits are there, so that two moments are
/// equal where their texts are, and the earlier text is the earlier moment. Years beyond 0 to 9999, which only a broken clock
/// has, have a sign before them, as in ISO 8601.
pub(super) fn utc(seconds: i64, billionths: u32) -> String {
    let (year, month, day) = date(seconds.div_euclid(DAY_S));
    let of_day = seconds.rem_euclid(DAY_S);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+05}"),
    };
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{billionths:09}Z")
}

/// Year, month and day, so many days after the first of January 1970, in the Gregorian calendar as if there had always been one.
///
/// Years are counted from March, so that the day that comes every four years is the last of one, and in eras of 400 years, which
/// are all alike (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date(days: i64) -> (i64, i64, i64) {
    const ERA_DAYS: i64 = 146_097;
    /// From the first of March of the year 0.
    const EPOCH_DAYS: i64 = 719_468;
    let days = days + EPOCH_DAYS;
    let (era, day) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // 153 days are five months from March on, or from August.
    let months = (5 * day + 2) / 153;
    let day = day - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    let year = 400 * era + year + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn moments_are_told_to_the_billionth() {
        for (seconds, billionths, expected) in [
            (0, 0, "1970-01-01T00:00:00.000000000Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (1_795_369_329, 123_456_789, "2026-11-22T17:42:09.123456789Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000000001Z"),
            (4_107_542_399, 0, "2100-02-28T23:59:59.000000000Z"),
            (-62_167_219_200, 0, "0000-01-01T00:00:00.000000000Z"),
            (-62_167_219_201, 0, "-0001-12-31T23:59:59.000000000Z"),
            (253_402_300_800, 0, "+10000-01-01T00:00:00.000000000Z"),
        ] {
            assert_eq!(utc(seconds, billionths), expected);
        }
    }

    #[test]
    fn a_day_follows_the_other() {
        let mut before = date(-1_000_000);
        for days in -999_999..1_000_000 {
            let now = date(days);
            let (year, month, day) = before;
            let follows = [
                (year, month, day + 1),
                (year, month + 1, 1),
                (year + 1, 1, 1),
            ];
            assert!(follows.contains(&now), "{before:?}, {now:?}");
            assert!((1..=12).contains(&now.1) && (1..=31).contains(&now.2));
            before = now;
        }
    }

    proptest! {
        #[test]
        fn sqlite_says_the_same(seconds in -62_167_219_200_i64..253_402_300_800) {
            let sql = "SELECT strftime('%Y-%m-%dT%H:%M:%S', ?, 'unixepoch')";
            let db = Connection::open_in_memory().unwrap();
            let expected: String = db.query_row(sql, [seconds], |row| row.get(0)).unwrap();
            prop_assert_eq!(utc(seconds, 5), format!("{expected}.000000005Z"));
        }

        #[test]
        fn the_earlier_text_is_the_earlier_moment(
            a in (-62_167_219_200_i64..253_402_300_800, 0_u32..1_000_000_000),
            b in (-62_167_219_200_i64..253_402_300_800, 0_u32..1_000_000_000),
        ) {
            prop_assert_eq!(a.cmp(&b), utc(a.0, a.1).cmp(&utc(b.0, b.1)));
        }

        /// Whatever a file system says.
        #[test]
        fn no_number_is_too_large(seconds in any::<i64>()) {
            prop_assert!(utc(seconds, 0).ends_with('Z'));
        }
    }
}
