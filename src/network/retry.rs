//! When to try a request again, and how long to wait before.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The longest wait: a server that asks for more is not waited for.
const LONGEST: Duration = Duration::from_secs(300);
/// How often whoever waits looks whether somebody wants to stop.
pub const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Whether a later attempt may get another answer.
pub fn is_worth_another_try(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429) || status >= 500
}

/// The wait before the attempt after `attempt`, from 1: what the server asks for, else twice as long as the one before. Up
/// to a quarter is added, so that clients that failed together do not come back together; `chance` is from 0 to 1. `None`
/// where the server asks for more than anybody should wait without a word: coming back earlier would not help.
pub fn wait(backoff: Duration, attempt: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
    let doubled = backoff.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    match retry_after {
        Some(asked) => Some(asked).filter(|asked| *asked <= LONGEST),
        None => Some(doubled.mul_f64(1.0 + chance.clamp(0.0, 1.0) / 4.0).min(LONGEST)),
    }
}

/// `; it asks to wait 90 s`, for the end of a message.
pub fn asks_to_wait(retry_after: Option<Duration>) -> String {
    match retry_after.map(|asked| asked.as_secs_f64().ceil() as u64) {
        None | Some(0) => String::new(),
        Some(seconds @ 1..=120) => format!("; it asks to wait {seconds} s"),
        Some(seconds @ 121..=7200) => format!("; it asks to wait {} min", seconds.div_ceil(60)),
        Some(seconds) => format!("; it asks to wait {} h", seconds.div_ceil(3600)),
    }
}

/// A request that is tried again: which attempt, when, and why. Whoever asked is told of it, once for each second of the wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The attempt that comes, from 2.
    pub attempt: u32,
    /// How many there are at most.
    pub attempts: u32,
    /// Seconds until it comes; 0 when it is made.
    pub seconds: u64,
    /// What the server said to the attempt before.
    pub said: String,
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempt, attempts, seconds, said } = self;
        write!(f, "retrying {attempt} of {attempts} ")?;
        match seconds {
            0 => write!(f, "now, {said}"),
            seconds => write!(f, "in {seconds} s, {said}"),
        }
    }
}

/// Waits; `false` where somebody wanted to stop before it was over.
pub fn pause(wait: Duration, is_cancelled: &dyn Fn() -> bool) -> bool {
    pause_telling(wait, is_cancelled, &mut |_| {})
}

/// The same; the seconds that are left are told as they change, down to 0.
pub fn pause_telling(wait: Duration, is_cancelled: &dyn Fn() -> bool, tell: &mut dyn FnMut(u64)) -> bool {
    let until = Instant::now() + wait;
    let mut told = None;
    loop {
        if is_cancelled() {
            return false;
        }
        let left = until.saturating_duration_since(Instant::now());
        let seconds = left.as_secs_f64().ceil() as u64;
        if told.replace(seconds) != Some(seconds) {
            tell(seconds);
        }
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(POLL_INTERVAL));
    }
}

/// The wait that a `Retry-After` header asks for: seconds, or the time of day when to come back.
pub fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = httpdate::parse_http_date(header.trim()).ok()?;
    Some(at.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_the_server_has_its_way() {
        let second = Duration::from_secs(1);
        let waits = [1, 2, 3, 4].map(|attempt| wait(second, attempt, None, 0.0).unwrap().as_secs());
        assert_eq!(waits, [1, 2, 4, 8]);
        assert_eq!(wait(second, 2, None, 1.0), Some(Duration::from_millis(2500)));
        assert_eq!(wait(second, 9, Some(Duration::from_secs(7)), 1.0), Some(Duration::from_secs(7)));
        assert_eq!(wait(second, 40, None, 1.0), Some(LONGEST));
        assert_eq!(wait(second, 1, Some(Duration::from_secs(99_999)), 0.0), None);
    }

    #[test]
    fn what_a_server_asks_for_is_shown() {
        let words = |seconds| asks_to_wait(Some(Duration::from_secs_f64(seconds)));
        assert_eq!(asks_to_wait(None), "");
        assert_eq!(words(0.0), "");
        assert_eq!(words(0.2), "; it asks to wait 1 s");
        assert_eq!(words(601.0), "; it asks to wait 11 min");
        assert_eq!(words(86_400.0), "; it asks to wait 24 h");
    }

    #[test]
    fn a_wait_is_told_until_it_is_over_or_stopped() {
        let told = |wait: u64, is_cancelled: &dyn Fn() -> bool| {
            let mut told = Vec::new();
            let over = pause_telling(Duration::from_millis(wait), is_cancelled, &mut |left| told.push(left));
            (over, told)
        };
        assert_eq!(told(1, &|| false), (true, vec![1, 0]));
        assert_eq!(told(0, &|| false), (true, vec![0]));
        // It is stopped at the second look, however long it was to be.
        let looks = std::cell::Cell::new(0);
        let stops = || looks.replace(looks.get() + 1) == 1;
        assert_eq!(told(20_000, &stops), (false, vec![20]));
        assert_eq!(told(20_000, &|| true), (false, vec![]));
    }

    #[test]
    fn a_retry_says_which_when_and_why() {
        let retry = Retry { attempt: 3, attempts: 6, seconds: 20, said: "429: slow down".to_owned() };
        assert_eq!(retry.to_string(), "retrying 3 of 6 in 20 s, 429: slow down");
        assert_eq!(Retry { seconds: 0, ..retry }.to_string(), "retrying 3 of 6 now, 429: slow down");
    }

    #[test]
    fn retry_after_has_two_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after(" 3 ", now), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("0.5", now), Some(Duration::from_millis(500)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-3", now), None);
    }

    #[test]
    fn some_failures_pass() {
        for status in [408, 429, 500, 503, 529] {
            assert!(is_worth_another_try(status));
        }
        for status in [400, 401, 403, 404, 413, 422] {
            assert!(!is_worth_another_try(status));
        }
    }
}
