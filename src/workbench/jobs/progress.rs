//! How far long work is, and the flag that stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Stops long work from another thread: within a batch, with everything finished kept.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the work to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// A part of the work with a count of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Embedding the images.
    Images,
    /// Embedding the prompts.
    Prompts,
    /// Taking prompts out, class by class.
    Pruning,
    /// Comparing images with one another.
    Comparing,
    /// Looking at the pictures of a dataset.
    Inspecting,
    /// Drawing prompts and evaluating what is drawn.
    Drawing,
    /// Downloading a checkpoint; its bytes are counted.
    Download,
    /// Waiting while another process downloads it.
    Waiting,
    /// Waiting because the hub asks for it.
    Asked,
    /// Verifying what was downloaded.
    Verification,
}

impl Stage {
    /// What is counted, in the plural.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Images | Self::Comparing | Self::Inspecting => "images",
            Self::Prompts => "prompts",
            Self::Pruning => "classes",
            Self::Drawing => "draws",
            Self::Download | Self::Waiting | Self::Asked | Self::Verification => "bytes",
        }
    }

    fn counts_bytes(self) -> bool {
        matches!(self, Self::Download | Self::Waiting | Self::Asked | Self::Verification)
    }

    /// What is done to them.
    fn verb(self) -> &'static str {
        match self {
            Self::Images | Self::Prompts => "embedding",
            Self::Comparing => "comparing",
            Self::Pruning => "pruning",
            Self::Inspecting => "inspecting",
            Self::Drawing => "evaluating",
            Self::Download => "downloading",
            Self::Waiting => "another process downloads the same,",
            Self::Asked => "the hub asks to wait, with",
            Self::Verification => "verifying",
        }
    }
}

/// How far one stage is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Which stage.
    pub stage: Stage,
    /// Finished, those from the store included.
    pub done: usize,
    /// All of them.
    pub total: usize,
    /// How many were in the store already.
    pub cached: usize,
    /// Encoded per second, once it can be told.
    pub rate: Option<f64>,
    /// Time until the stage is done at that rate.
    pub left: Option<Duration>,
}

impl Progress {
    /// From 0 to 1; an empty stage is done.
    pub fn fraction(&self) -> f64 {
        if self.total == 0 { 1.0 } else { self.done as f64 / self.total as f64 }
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (verb, unit) = (self.stage.verb(), self.stage.unit());
        if self.stage.counts_bytes() {
            write!(f, "{verb} {} of {}", short_size(self.done as u64), short_size(self.total as u64))?;
        } else {
            write!(f, "{verb} {unit} {}/{}", self.done, self.total)?;
        }
        match self.rate {
            Some(rate) if self.stage.counts_bytes() => write!(f, ", {}/s", short_size(rate as u64))?,
            Some(rate) => write!(f, ", {} {unit}/s", short_rate(rate))?,
            None => {}
        }
        if let Some(left) = self.left {
            write!(f, ", {} left", short_duration(left))?;
        }
        Ok(())
    }
}

fn short_rate(rate: f64) -> String {
    if rate >= 100.0 {
        format!("{rate:.0}")
    } else if rate >= 10.0 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.2}")
    }
}

/// A number of bytes in decimal units: `512 B`, `4.2 kB`, `605.2 MB`, `1.7 GB`.
pub fn short_size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut size = bytes as f64 / 1e3;
    // What would be shown as 1000.0 of a unit is 1.0 of the next one.
    let unit = units.into_iter().find(|unit| {
        let fits = size < 999.95 || *unit == "TB";
        size = if fits { size } else { size / 1e3 };
        fits
    });
    if bytes < 1000 { format!("{bytes} B") } else { format!("{size:.1} {}", unit.unwrap_or_default()) }
}

/// A duration in at most two units: `8s`, `3m 05s`, `2h 10m`.
pub fn short_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().ceil() as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Counts a stage and works out its rate: what came from the store does not count as speed.
#[derive(Debug)]
pub struct Meter {
    stage: Stage,
    total: usize,
    cached: usize,
    encoded: usize,
    started: Instant,
}

impl Meter {
    /// A stage of `total`, which starts now.
    pub fn start(stage: Stage, total: usize) -> Self {
        Self { stage, total, cached: 0, encoded: 0, started: Instant::now() }
    }

    /// `n` more were found in the store, or cannot be encoded at all.
    pub fn cached(&mut self, n: usize) {
        self.cached += n;
    }

    /// `n` more are encoded.
    pub fn encoded(&mut self, n: usize) {
        self.encoded += n;
    }

    /// Where the stage stands now.
    pub fn progress(&self) -> Progress {
        self.progress_after(self.started.elapsed())
    }

    fn progress_after(&self, elapsed: Duration) -> Progress {
        let done = self.cached + self.encoded;
        let seconds = elapsed.as_secs_f64();
        let rate = (self.encoded > 0 && seconds > 0.0).then(|| self.encoded as f64 / seconds);
        let left = rate
            .filter(|_| done < self.total)
            .map(|rate| Duration::from_secs_f64((self.total - done) as f64 / rate));
        Progress { stage: self.stage, done, total: self.total, cached: self.cached, rate, left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_ones_count_as_done_but_not_as_speed() {
        let mut meter = Meter::start(Stage::Images, 1000);
        meter.cached(400);
        assert_eq!(meter.progress_after(Duration::from_secs(1)).rate, None);
        meter.encoded(200);
        let progress = meter.progress_after(Duration::from_secs(10));
        assert_eq!(progress.done, 600);
        assert_eq!(progress.rate, Some(20.0));
        assert_eq!(progress.left, Some(Duration::from_secs(20)));
        assert_eq!(progress.to_string(), "embedding images 600/1000, 20.0 images/s, 20s left");
        assert!((progress.fraction() - 0.6).abs() < 1e-12);
    }

    #[test]
    fn bytes_have_units() {
        let sizes =
            [(0, "0 B"), (999, "999 B"), (4186, "4.2 kB"), (605_157_884, "605.2 MB"), (999_999, "1.0 MB")];
        for (bytes, text) in
            sizes.into_iter().chain([(1_710_540_580, "1.7 GB"), (2_000_000_000_000, "2.0 TB")])
        {
            assert_eq!(short_size(bytes), text);
        }
        let progress = Progress {
            stage: Stage::Download,
            done: 302_000_000,
            total: 605_157_884,
            cached: 0,
            rate: Some(12_340_000.0),
            left: Some(Duration::from_secs(25)),
        };
        assert_eq!(progress.to_string(), "downloading 302.0 MB of 605.2 MB, 12.3 MB/s, 25s left");
    }

    #[test]
    fn durations_are_short() {
        for (seconds, text) in [(0.2, "1s"), (59.0, "59s"), (185.0, "3m 05s"), (7800.0, "2h 10m")] {
            assert_eq!(short_duration(Duration::from_secs_f64(seconds)), text);
        }
    }

    #[test]
    fn a_finished_stage_has_no_time_left() {
        let mut meter = Meter::start(Stage::Prompts, 5);
        meter.encoded(5);
        assert_eq!(meter.progress_after(Duration::from_secs(1)).left, None);
    }
}
